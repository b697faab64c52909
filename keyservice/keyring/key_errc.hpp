// Why an operation with a key was refused: stable codes that travel in responses.
#pragma once

#include "attest/base/error.hpp"

namespace concordat::keyservice {

enum class KeyErrc {
  operation_not_of_key = 1,
  not_exportable,
  bad_key_material,
  other_key_type,
  envelope_malformed,
  other_envelope_format,
  other_kind,
  other_key,
  other_version,
  other_algorithm,
  authentication_failed,
  bad_peer_key,
  input_too_large,
  bad_output_size,
  name_reserved,
};
[[nodiscard]] base::CodeInfo describe(KeyErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(KeyErrc) {
  return "key";
}
[[nodiscard]] inline boost::system::error_code make_error_code(KeyErrc e) {
  return base::enum_code(e);
}

}  // namespace concordat::keyservice
