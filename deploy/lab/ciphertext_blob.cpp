#include "deploy/lab/ciphertext_blob.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/lab/kms_service_error.hpp"
#include "peer/aead.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using peer::Aead;

constexpr std::string_view kMagic = "CLK1";
constexpr std::size_t kIdSize = 36;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;
constexpr std::size_t kNonceAt = kMagic.size() + kIdSize;
constexpr std::size_t kSealedAt = kNonceAt + kNonceSize;

// Self-delimiting, so that no two contexts look alike; std::map keeps the names in order.
Bytes associated_data(std::string_view arn, const keyservice::EncryptionContext& context) {
  base::cbor::Writer out;
  out.array(2).text(arn).map(context.size());
  for (const auto& [name, value] : context)
    out.text(name).text(value);
  return std::move(out).take();
}

}  // namespace

Bytes seal_blob(const LabKey& key, std::string_view arn,
                const keyservice::EncryptionContext& context, const SecretBytes& plaintext) {
  Bytes out(kSealedAt + plaintext.size() + kTagSize);
  std::ranges::copy(key.id, std::ranges::copy(kMagic, out.begin()).out);
  const auto nonce = std::span(out).subspan(kNonceAt, kNonceSize);
  base::SystemRandom().fill(nonce);  // 96 random bits: a lab key never seals 2^32 times
  Aead(key.material, Aead::Direction::seal)
      .seal(nonce, associated_data(arn, context), plaintext.expose(base::SecretAccess{}),
            std::span(out).subspan(kSealedAt));
  return out;
}

Result<std::string> blob_key_id(BytesView blob) {
  if (blob.size() < kSealedAt + kTagSize || base::as_text(blob.first(kMagic.size())) != kMagic) {
    return Error(ServiceErrc::invalid_ciphertext);
  }
  return std::string(base::as_text(blob.subspan(kMagic.size(), kIdSize)));
}

Result<SecretBytes> open_blob(const LabKey& key, std::string_view arn,
                              const keyservice::EncryptionContext& context, BytesView blob) {
  CONCORDAT_TRY(const std::string id, blob_key_id(blob));
  if (id != key.id) return Error(ServiceErrc::incorrect_key);
  SecretBytes out = SecretBytes::zeroed(blob.size() - kSealedAt - kTagSize);
  const auto opened = Aead(key.material, Aead::Direction::open)
                          .open(blob.subspan(kNonceAt, kNonceSize), associated_data(arn, context),
                                blob.subspan(kSealedAt), out.expose_mutable(base::SecretAccess{}));
  if (!opened) return Error(ServiceErrc::invalid_ciphertext);
  return out;
}

}  // namespace concordat::lab
