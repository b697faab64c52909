// Why a run of FROST, or one message of it, was refused.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::session::frost {

enum class Errc {
  bad_group = 1,
  bad_threshold,
  wrong_parties,
  no_share,
  wrong_share,
  other_epoch,
  unexpected_input,
  not_the_message,
  wrong_size,
  not_an_element,
  not_opened,
  bad_proof,
  wrong_constant,
  bad_signature_share,
  not_confirmed,
  nonces_spent,
  no_nonces,
  identity,
  signature_invalid,
  not_settled_by,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "frost";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}

}  // namespace concordat::session::frost
