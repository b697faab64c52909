// The interface `lo`: down in an enclave's kernel that has just booted and in every new network
// namespace, so that nothing can listen on 127.0.0.1 or ::1 there.
#pragma once

#include "attest/base/result.hpp"

namespace concordat::enclave {

enum class LoopbackErrc { cannot_raise = 1 };
[[nodiscard]] base::CodeInfo describe(LoopbackErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(LoopbackErrc) {
  return "loopback";
}
[[nodiscard]] inline boost::system::error_code make_error_code(LoopbackErrc e) {
  return base::enum_code(e);
}

// Raises `lo` (netdevice(7)), whereupon the kernel gives it its addresses. Needs CAP_NET_ADMIN over
// the network namespace, but nothing where it is up already. cannot_raise, with the system's words.
[[nodiscard]] base::Status raise_loopback();

}  // namespace concordat::enclave
