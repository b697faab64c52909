#include "keyservice/keyring/key_errc.hpp"

namespace concordat::keyservice {

base::CodeInfo describe(KeyErrc code) noexcept {
  switch (code) {
    case KeyErrc::operation_not_of_key:
      return {"operation_not_of_key", "keys of this type do not do this"};
    case KeyErrc::not_exportable:
      return {"not_exportable", "the key was made never to be given out"};
    case KeyErrc::bad_key_material:
      return {"bad_key_material", "not a usable key"};
    case KeyErrc::other_key_type:
      return {"other_key_type", "a key of another type"};
    case KeyErrc::envelope_malformed:
      return {"envelope_malformed", "not an envelope of this keyring"};
    case KeyErrc::other_envelope_format:
      return {"other_envelope_format", "an envelope of another format version"};
    case KeyErrc::other_kind:
      return {"other_kind", "an envelope of another kind"};
    case KeyErrc::other_key:
      return {"other_key", "an envelope of another key"};
    case KeyErrc::other_version:
      return {"other_version", "an envelope of another version of the key"};
    case KeyErrc::other_algorithm:
      return {"other_algorithm", "an envelope of another algorithm than the key's"};
    case KeyErrc::authentication_failed:
      return {"authentication_failed", "not made with this key from this input, or altered"};
    case KeyErrc::bad_peer_key:
      return {"bad_peer_key", "the other side's public key agrees on no secret"};
    case KeyErrc::input_too_large:
      return {"input_too_large", "the input is larger than allowed"};
    case KeyErrc::bad_output_size:
      return {"bad_output_size", "the size asked for is not allowed"};
    case KeyErrc::name_reserved:
      return {"name_reserved", "the custodian alone makes keys with such names"};
  }
  return {"unknown", "unknown key error"};
}

}  // namespace concordat::keyservice
