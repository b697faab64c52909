#include "policy/signer.hpp"

#include <algorithm>

namespace concordat::policy {

base::Status add_signature(Envelope& envelope, const Signer& signer) {
  const base::Bytes message = pre_authentication_encoding(envelope.payload_type, envelope.payload);
  CONCORDAT_TRY(const Signature signature, signer.sign(message));
  CONCORDAT_CHECK(check_signature(signature, message, signer.public_key()));
  const std::string id = key_id(signer.public_key());
  std::erase_if(envelope.signatures, [&](const auto& other) { return other.key_id == id; });
  envelope.signatures.push_back({id, signature});
  return {};
}

}  // namespace concordat::policy
