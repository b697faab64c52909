// How a program in a lab enclave reaches its NSM: the socket that stands where /dev/nsm stands in a
// real one. For the *-lab programs only.
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>

#include "attest/base/descriptor.hpp"
#include "attest/nsm.hpp"

namespace concordat::lab {

// What the lab hypervisor puts into an enclave's root directory, which is the working directory of
// the program at its start. Relative, so that it also holds where the system allows no chroot.
inline constexpr const char* kNsmSocket = "lab/nsm.sock";          // made by the hypervisor
inline constexpr const char* kParentSocket = "lab/parent.sock";    // leads to the parent's relay
inline constexpr const char* kInboundSocket = "lab/inbound.sock";  // made by the enclave
inline constexpr const char* kRootCertificate = "lab/root.der";    // the lab PKI's root, DER

// Thread-safe: one request at a time, as the device takes them.
class LabNsmSocket final : public attest::NsmTransport {
 public:
  [[nodiscard]] static base::Result<std::unique_ptr<LabNsmSocket>> connect(
      const std::filesystem::path& path = kNsmSocket);

  // nsm::Errc::input_too_large past kMaxRequest, as the driver's EMSGSIZE is reported. After a
  // failure of the stream every further request fails.
  [[nodiscard]] base::Result<base::Bytes> exchange(base::BytesView request) override;

 private:
  explicit LabNsmSocket(base::Descriptor socket) : socket_(std::move(socket)) {}

  std::mutex mutex_;
  base::Descriptor socket_;
};

// The lab's attest::restrict_device: called once the agent is connected and before it starts
// anything. As the enclave's root: the socket is root's alone (owner 0, mode 0600, read back),
// while the application is of another user. An agent that is not root (of a hypervisor that is not,
// or that could not confine it fully) has no other user to start an application as: there the
// socket's name goes away, and what is connected remains.
[[nodiscard]] base::Status restrict_lab_nsm(const std::filesystem::path& path = kNsmSocket);

}  // namespace concordat::lab
