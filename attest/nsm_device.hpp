// /dev/nsm: the module as the kernel offers it inside an enclave (drivers/misc/nsm.c), and the rule
// that only root may use it there.
#pragma once

#include <filesystem>

#include "attest/base/descriptor.hpp"
#include "attest/nsm.hpp"

namespace concordat::attest {

inline constexpr const char* kNsmDevicePath = "/dev/nsm";

enum class NsmDeviceErrc { cannot_open = 1, not_a_device, cannot_restrict };
[[nodiscard]] base::CodeInfo describe(NsmDeviceErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(NsmDeviceErrc) {
  return "nsm_device";
}
[[nodiscard]] inline boost::system::error_code make_error_code(NsmDeviceErrc e) {
  return base::enum_code(e);
}

// Thread-safe: the driver takes one request at a time and lets others wait, up to 120 s each.
class NsmDevice final : public NsmTransport {
 public:
  // cannot_open, with the system's words.
  [[nodiscard]] static base::Result<NsmDevice> open(
      const std::filesystem::path& path = kNsmDevicePath);

  // As the module's own library reports it: input_too_large where the driver finds the request too
  // long, internal_error for every other failure. Never sent again by itself: a request that was
  // interrupted may have been carried out.
  [[nodiscard]] base::Result<base::Bytes> exchange(base::BytesView request) override;

 private:
  explicit NsmDevice(base::Descriptor device) noexcept : device_(std::move(device)) {}
  base::Descriptor device_;
};

// Makes the device root's alone (owner 0:0, mode 0600; the driver creates it 0666) and reads that
// back. Called before anything unprivileged is started in the enclave, so that no other process can
// mint a document. Needs root: cannot_restrict otherwise.
[[nodiscard]] base::Status restrict_device(const std::filesystem::path& path = kNsmDevicePath);

}  // namespace concordat::attest
