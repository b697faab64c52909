# The interface lo as the kernel left it: a worker raises it where its setting agent_tcp says so.
vm_loopback_test
