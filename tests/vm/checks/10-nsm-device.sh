# The production NSM client on /dev/nsm, through the real ioctl, with documents that are verified.
start cuse_nsm /run/lab_root.der nsm=custodian-1 nsm-worker=payments-1 &&
  vm_device_abi_test &&
  vm_nsm_device_test
