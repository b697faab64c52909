// Why recovery shares are not made or not taken: stable codes, which operators are answered.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::keyservice::recovery {

enum class Errc {
  no_holders = 1,
  too_many_holders,
  other_generation,
  set_malformed,
  set_differs,
  set_does_not_open,
  not_a_custodian,
  document_differs,
  document_too_old,
  not_begun,
  under_way,
  not_started,
  key_expired,
  has_root,
  contribution_malformed,
  contribution_not_for_this,
  contribution_not_authentic,
  not_a_holder,
  share_wrong,
  share_repeated,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "recovery";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::keyservice::recovery
