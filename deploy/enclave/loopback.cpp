#include "deploy/enclave/loopback.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "attest/base/descriptor.hpp"

namespace concordat::enclave {

base::CodeInfo describe(LoopbackErrc code) noexcept {
  switch (code) {
    case LoopbackErrc::cannot_raise:
      return {"cannot_raise_loopback", "the interface lo could not be raised"};
  }
  return {"unknown", "unknown loopback error"};
}

base::Status raise_loopback() {
  const auto fail = [](const char* step) {
    return base::Error(LoopbackErrc::cannot_raise, std::string(step) + ": " + std::strerror(errno));
  };
  const base::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.open()) return fail("socket");
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) return fail("SIOCGIFFLAGS");
  if ((request.ifr_flags & IFF_UP) != 0) return {};
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return fail("SIOCSIFFLAGS");
  return {};
}

}  // namespace concordat::enclave
