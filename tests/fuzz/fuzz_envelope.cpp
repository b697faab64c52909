// Envelopes as whoever holds them hands them back: what decodes is the one encoding of what it says
// and within its bounds, and nothing opens or verifies, for the keys are not known here.
#include <cstdlib>

#include "keyservice/keyring/sealing.hpp"
#include "keyservice/keyring/signing.hpp"

namespace {

using namespace concordat;
using keyservice::KeyInUse;
using keyservice::KeyType;

KeyInUse key_of(KeyType type, const keyservice::Envelope& envelope) {
  static const auto material = base::SecretBytes::random(32);
  KeyInUse out;
  out.name = envelope.key_name;
  out.type = type;
  out.version = envelope.key_version;
  out.material = &material;
  out.exportable = true;
  return out;
}

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView input(data, size);
  const auto envelope = keyservice::decode_envelope(input);
  if (!envelope) return 0;
  require(base::equal(keyservice::encode(*envelope), input));
  require(envelope->body.size() <= keyservice::kMaxPlaintext + 16);
  const KeyInUse aes = key_of(KeyType::aes256, *envelope);
  require(!keyservice::decrypt(aes, {}, *envelope));
  require(!keyservice::unwrap(aes, *envelope));
  require(!keyservice::verify(key_of(KeyType::hmac, *envelope), *envelope, {}));
  for (const KeyType type : {KeyType::ed25519, KeyType::p256})
    require(!keyservice::verify(key_of(type, *envelope), *envelope, {}));
  return 0;
}
