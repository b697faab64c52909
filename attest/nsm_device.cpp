#include "attest/nsm_device.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

// include/uapi/linux/nsm.h: struct nsm_raw is two pairs of a 64-bit address and length.
struct NsmIovec {
  std::uint64_t address;
  std::uint64_t length;
};
struct NsmRaw {
  NsmIovec request;
  NsmIovec response;
};
constexpr unsigned long kIoctlRaw = _IOWR(0x0A, 0x0, NsmRaw);
static_assert(kIoctlRaw == 0xC0200A00, "the number is the driver's interface");

Error system_error(NsmDeviceErrc code, const std::filesystem::path& path, int error) {
  return Error(code, path.string() + ": " + std::strerror(error));
}

// O_NOFOLLOW: restrict_device must not be led to another file.
Result<base::Descriptor> open_device(const std::filesystem::path& path) {
  base::Descriptor device(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
  if (!device.open()) return system_error(NsmDeviceErrc::cannot_open, path, errno);
  struct stat status {};
  if (::fstat(device.get(), &status) != 0) {
    return system_error(NsmDeviceErrc::cannot_open, path, errno);
  }
  if (!S_ISCHR(status.st_mode)) return Error(NsmDeviceErrc::not_a_device, path.string());
  return device;
}

Status require_restricted(int device, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(device, &status) != 0) {
    return system_error(NsmDeviceErrc::cannot_restrict, path, errno);
  }
  if (status.st_uid == 0 && status.st_gid == 0 && (status.st_mode & 07777) == 0600) return {};
  return Error(NsmDeviceErrc::cannot_restrict, path.string() + ": owner or mode did not change");
}

}  // namespace

base::CodeInfo describe(NsmDeviceErrc code) noexcept {
  switch (code) {
    case NsmDeviceErrc::cannot_open:
      return {"cannot_open", "cannot open the NSM device"};
    case NsmDeviceErrc::not_a_device:
      return {"not_a_device", "not a character device"};
    case NsmDeviceErrc::cannot_restrict:
      return {"cannot_restrict", "cannot make the NSM device root's alone"};
  }
  return {"unknown", "unknown NSM device error"};
}

Result<NsmDevice> NsmDevice::open(const std::filesystem::path& path) {
  CONCORDAT_TRY(base::Descriptor device, open_device(path));
  return NsmDevice(std::move(device));
}

Result<Bytes> NsmDevice::exchange(BytesView request) {
  if (request.size() > nsm::kMaxRequest) {
    return Error(nsm::Errc::input_too_large, std::to_string(request.size()) + " bytes");
  }
  Bytes response(nsm::kMaxResponse);
  NsmRaw message{{reinterpret_cast<std::uintptr_t>(request.data()), request.size()},
                 {reinterpret_cast<std::uintptr_t>(response.data()), response.size()}};
  if (::ioctl(device_.get(), kIoctlRaw, &message) != 0) {
    const auto code = errno == EMSGSIZE ? nsm::Errc::input_too_large : nsm::Errc::internal_error;
    return Error(code, std::string("ioctl: ") + std::strerror(errno));
  }
  if (message.response.length > response.size()) {
    return Error(nsm::Errc::internal_error, "the driver says that it wrote past its buffer");
  }
  response.resize(static_cast<std::size_t>(message.response.length));
  return response;
}

Status restrict_device(const std::filesystem::path& path) {
  CONCORDAT_TRY(const base::Descriptor device, open_device(path));
  if (::fchmod(device.get(), 0600) != 0 || ::fchown(device.get(), 0, 0) != 0) {
    return system_error(NsmDeviceErrc::cannot_restrict, path, errno);
  }
  return require_restricted(device.get(), path);
}

}  // namespace concordat::attest
