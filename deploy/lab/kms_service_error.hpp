// The errors of the KMS API, by AWS's own names: these names are what clients see and act on.
#pragma once

#include <string>

#include "attest/base/error.hpp"

namespace concordat::lab {

enum class ServiceErrc {
  access_denied = 1,
  incorrect_key,
  invalid_ciphertext,
  malformed_policy,
  not_found,
  validation,
  serialization,
  throttling,
  internal,
  unknown_operation,
  missing_authentication_token,
  incomplete_signature,
  unrecognized_client,
  invalid_signature,
};
// `name` is AWS's exception name, "AccessDeniedException".
[[nodiscard]] base::CodeInfo describe(ServiceErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ServiceErrc) {
  return "kms_service";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ServiceErrc e) {
  return base::enum_code(e);
}

// What an error looks like on the wire. Any error that is none of the above is an internal one.
struct ServiceAnswer {
  unsigned status = 500;
  std::string exception;
  std::string message;
};
[[nodiscard]] ServiceAnswer service_answer(const base::Error& error);

}  // namespace concordat::lab
