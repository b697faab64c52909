#include "keyservice/key_operations.hpp"

#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/derivation.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {

using base::Result;
using base::SecretBytes;

namespace {

Result<ResponseBody> made(const Result<Envelope>& envelope) {
  if (!envelope) return envelope.error();
  return ResponseBody(MadeEnvelope{encode(*envelope)});
}

Result<ResponseBody> given(std::uint32_t version, Result<SecretBytes> bytes) {
  if (!bytes) return bytes.error();
  return ResponseBody(GivenBytes{version, *std::move(bytes)});
}

}  // namespace

KeyOperations::KeyOperations(Custody& custody) : custody_(custody) {
  custody_.on_change([this] { signers_.clear(); });
}

KeyOperations::~KeyOperations() {
  custody_.on_change({});
}

Result<ResponseBody> KeyOperations::perform(const RequestBody& request, base::UnixMillis until) {
  return std::visit(
      [&](const auto& asked) {
        if constexpr (requires { run(asked, until); }) {
          return run(asked, until);
        } else {
          return run(asked);
        }
      },
      request);
}

Result<KeyOperations::Opened> KeyOperations::open(const std::string& name,
                                                  base::BytesView envelope) const {
  CONCORDAT_TRY(Envelope decoded, decode_envelope(envelope));
  CONCORDAT_TRY(const KeyInUse key, custody_.for_reading(name, decoded.key_version));
  return Opened{std::move(decoded), key};
}

Result<ResponseBody> KeyOperations::run(const GetRequest& request, base::UnixMillis until) const {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_reading(request.name, request.version));
  CONCORDAT_TRY(SecretBytes bytes, get(key));
  return ResponseBody(ReleasedKey{key.version, key.type, until, std::move(bytes)});
}

Result<ResponseBody> KeyOperations::run(const SignRequest& request) {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_making(request.name));
  auto ready = signers_.find(request.name);
  if (ready == signers_.end()) {
    CONCORDAT_TRY(Signer signer, Signer::create(key));
    if (signers_.size() >= kMaxReadySigners) signers_.clear();
    ready = signers_.emplace(request.name, std::move(signer)).first;
  }
  return made(ready->second.sign(request.message));
}

Result<ResponseBody> KeyOperations::run(const VerifyRequest& request) const {
  CONCORDAT_TRY(const Opened opened, open(request.name, request.envelope));
  CONCORDAT_CHECK(verify(opened.key, opened.envelope, request.message));
  return ResponseBody(Verified{opened.key.version});
}

Result<ResponseBody> KeyOperations::run(const EncryptRequest& request) const {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_making(request.name));
  return made(encrypt(key, request.associated, request.plaintext, custody_.random()));
}

Result<ResponseBody> KeyOperations::run(const DecryptRequest& request) const {
  CONCORDAT_TRY(const Opened opened, open(request.name, request.envelope));
  return given(opened.key.version, decrypt(opened.key, request.associated, opened.envelope));
}

Result<ResponseBody> KeyOperations::run(const WrapRequest& request) const {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_making(request.name));
  if (const auto* bytes = std::get_if<SecretBytes>(&request.what)) {
    return made(wrap_bytes(key, *bytes, custody_.random()));
  }
  const auto& reference = std::get<KeyReference>(request.what);
  CONCORDAT_TRY(const KeyInUse wrapped, custody_.for_reading(reference.name, reference.version));
  return made(wrap_key(key, wrapped, custody_.random()));
}

Result<ResponseBody> KeyOperations::run(const UnwrapRequest& request) const {
  CONCORDAT_TRY(const Opened opened, open(request.name, request.envelope));
  return given(opened.key.version, unwrap(opened.key, opened.envelope));
}

Result<ResponseBody> KeyOperations::run(const MacRequest& request) const {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_making(request.name));
  return made(mac(key, request.message));
}

Result<ResponseBody> KeyOperations::run(const DeriveRequest& request) const {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_reading(request.name, request.version));
  if (request.peer) {
    return given(key.version, agree(key, *request.peer, request.context, request.size));
  }
  return given(key.version, derive(key, request.context, request.size));
}

Result<ResponseBody> KeyOperations::run(const RandomRequest& request) const {
  return given(0, random_bytes(custody_.random(), request.size));
}

Result<ResponseBody> KeyOperations::run(const CountRunRequest& request) {
  return base::Error(Errc::unknown_operation, request.name + ": no key is counted");
}

Result<ResponseBody> KeyOperations::run(const PublicRequest& request) const {
  CONCORDAT_TRY(const KeyInUse key, custody_.for_reading(request.name, request.version));
  CONCORDAT_TRY(PublicKey half, public_key(key));
  return ResponseBody(GivenPublicKey{key.version, half.type, std::move(half.raw)});
}

}  // namespace concordat::keyservice
