// A character device like /dev/nsm made with CUSE, for the test guest. Towards the application it
// is what Linux's drivers/misc/nsm.c is: the one ioctl 0xC0200A00 on struct nsm_raw
// (include/uapi/linux/nsm.h), its bounds, its errno values and its silent truncation.
//
// The layout and the number of the ioctl are written down here a second time on purpose: a device
// that took them from the client under test would agree with any mistake in it.
#pragma once

#include <functional>
#include <initializer_list>
#include <span>
#include <string>

#include "attest/nsm.hpp"

struct fuse_in_header;
struct fuse_ioctl_iovec;

namespace concordat::vm {

// One session on an open /dev/cuse. Requests are carried out one after the other, as the driver's
// mutex has them; a failed exchange is EIO and is not repeated (ExtendPCR is not idempotent).
class CuseDevice {
 public:
  // The device becomes /dev/NAME. Owns neither `cuse` nor `module`; both outlive it.
  CuseDevice(int cuse, const std::string& name, attest::NsmTransport& module)
      : cuse_(cuse), info_("DEVNAME=" + name), module_(module) {}

  // Serves until the kernel ends the session, which is an error. `ready` is called once, when the
  // device node exists; it may not use the device.
  [[nodiscard]] base::Error run(const std::function<void()>& ready);

 private:
  [[nodiscard]] base::Status handle(const fuse_in_header& header, base::BytesView body);
  [[nodiscard]] base::Status start(const fuse_in_header& header);
  [[nodiscard]] base::Status ioctl(const fuse_in_header& header, base::BytesView body);
  [[nodiscard]] base::Status ask_again(const fuse_in_header& header,
                                       std::span<const fuse_ioctl_iovec> in,
                                       std::span<const fuse_ioctl_iovec> out);
  [[nodiscard]] base::Status refuse(const fuse_in_header& header, int error);
  [[nodiscard]] base::Status reply(const fuse_in_header& header,
                                   std::initializer_list<base::BytesView> parts);
  [[nodiscard]] base::Status write_message(const fuse_in_header& in, int error,
                                           std::initializer_list<base::BytesView> parts);

  int cuse_;
  std::string info_;
  attest::NsmTransport& module_;
  bool started_ = false;
};

}  // namespace concordat::vm
