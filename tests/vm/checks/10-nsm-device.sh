# The production NSM client on /dev/nsm, through the real ioctl, with documents that are verified.
start cuse_nsm /run/lab_root.der &&
  vm_device_abi_test
