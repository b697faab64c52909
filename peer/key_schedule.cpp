#include "peer/key_schedule.hpp"

#include <sodium.h>

#include "attest/base/secret_access.hpp"
#include "peer/error.hpp"

namespace concordat::peer {
namespace {

using base::SecretAccess;
using base::SecretBytes;

// RFC 8410: SEQUENCE { SEQUENCE { OID 1.3.101.110 } BIT STRING (32 bytes) }.
constexpr std::array<std::uint8_t, 12> kSpkiPrefix{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                   0x2b, 0x65, 0x6e, 0x03, 0x21, 0x00};

KeyAndNonce expand(const SecretBytes& stage, std::string_view label) {
  SecretBytes both = base::hkdf_expand(stage, base::as_bytes(label), kAeadKeySize + kAeadNonceSize);
  const auto bytes = both.expose_mutable(SecretAccess{});
  KeyAndNonce out;
  std::ranges::copy(bytes.subspan(kAeadKeySize), out.nonce.mutable_view().begin());
  out.key = SecretBytes::take(bytes.first(kAeadKeySize));
  return out;
}

}  // namespace

EphemeralKey::EphemeralKey(base::RandomSource& random) : secret_(SecretBytes::zeroed(32)) {
  const auto secret = secret_.expose_mutable(SecretAccess{});
  random.fill(secret);
  crypto_scalarmult_base(public_key_.mutable_view().data(), secret.data());
}

base::Bytes EphemeralKey::subject_public_key_info(const PublicKey& key) {
  base::Bytes out(kSpkiPrefix.begin(), kSpkiPrefix.end());
  base::append(out, key.view());
  return out;
}

base::Result<SecretBytes> EphemeralKey::agree(const PublicKey& other) && {
  SecretBytes shared = SecretBytes::zeroed(crypto_scalarmult_BYTES);
  const int ok = crypto_scalarmult(shared.expose_mutable(SecretAccess{}).data(),
                                   secret_.expose(SecretAccess{}).data(), other.view().data());
  secret_.wipe();
  // libsodium refuses the low-order points itself; the result is judged all the same.
  if (ok != 0 || sodium_is_zero(shared.expose(SecretAccess{}).data(), shared.size()) == 1) {
    return base::Error(Errc::weak_shared_secret);
  }
  return shared;
}

TranscriptHash transcript_1(base::BytesView hello_frame, base::BytesView reply_clear_fields) {
  return base::sha384({base::as_bytes("concordat/1/T1"), hello_frame, reply_clear_fields});
}
TranscriptHash transcript_2(const TranscriptHash& t1, base::BytesView box_1) {
  return base::sha384({base::as_bytes("concordat/1/T2"), t1.view(), box_1});
}
TranscriptHash transcript_3(const TranscriptHash& t2, base::BytesView box_2) {
  return base::sha384({base::as_bytes("concordat/1/T3"), t2.view(), box_2});
}

KeyAndNonce KeySchedule::box_1(const TranscriptHash& t1) const {
  return expand(base::hkdf_extract(t1.view(), shared_), "concordat/1/box_1");
}

KeyAndNonce KeySchedule::box_2(const TranscriptHash& t2) const {
  return expand(base::hkdf_extract(t2.view(), shared_), "concordat/1/box_2");
}

FinalKeys KeySchedule::finish(const TranscriptHash& t3) && {
  const SecretBytes stage = base::hkdf_extract(t3.view(), shared_);
  shared_.wipe();
  return {expand(stage, "concordat/1/accept"), expand(stage, "concordat/1/traffic/initiator"),
          expand(stage, "concordat/1/traffic/responder"),
          base::hkdf_expand(stage, base::as_bytes("concordat/1/exporter"), 48)};
}

SecretBytes export_secret(const SecretBytes& exporter, std::string_view label,
                          base::BytesView context, std::size_t size) {
  base::Bytes info = base::to_bytes(base::as_bytes("concordat/1/export/"));
  base::append(info, base::as_bytes(label));
  info.push_back(0);
  base::append(info, base::sha384({context}).view());
  return base::hkdf_expand(exporter, info, size);
}

}  // namespace concordat::peer
