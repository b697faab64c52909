// Key agreement and key schedule of PROTOCOL.md section 4 as named steps. Every key is made once,
// moved out once, and wiped with its stage.
#pragma once

#include "attest/base/hash.hpp"
#include "attest/base/random.hpp"
#include "attest/base/secret.hpp"
#include "peer/limits.hpp"

namespace concordat::peer {

using PublicKey = base::FixedBytes<struct X25519PublicKeyTag, kPublicKeySize>;
using Challenge = base::FixedBytes<struct ChallengeTag, kChallengeSize>;
using TranscriptHash = base::Sha384Digest;

// Key and nonce of one box, or key and IV of one direction.
struct KeyAndNonce {
  base::SecretBytes key;  // 32 bytes
  base::FixedBytes<struct NonceTag, kAeadNonceSize> nonce;
};

// A fresh X25519 key pair, used for one handshake.
class EphemeralKey {
 public:
  explicit EphemeralKey(base::RandomSource& random);

  [[nodiscard]] const PublicKey& public_key() const noexcept { return public_key_; }
  // RFC 8410 SubjectPublicKeyInfo of a public key: 44 bytes.
  [[nodiscard]] static base::Bytes subject_public_key_info(const PublicKey& key);
  // X25519 with the other side's key; wipes the secret. Fails with weak_shared_secret when the
  // result is all zero (RFC 7748 section 6.1).
  [[nodiscard]] base::Result<base::SecretBytes> agree(const PublicKey& other) &&;

 private:
  base::SecretBytes secret_;
  PublicKey public_key_;
};

// T1, T2, T3 of section 3.1.
[[nodiscard]] TranscriptHash transcript_1(base::BytesView hello_frame,
                                          base::BytesView reply_clear_fields);
[[nodiscard]] TranscriptHash transcript_2(const TranscriptHash& t1, base::BytesView box_1);
[[nodiscard]] TranscriptHash transcript_3(const TranscriptHash& t2, base::BytesView box_2);

struct FinalKeys {
  KeyAndNonce accept;
  KeyAndNonce initiator;
  KeyAndNonce responder;
  base::SecretBytes exporter;  // 48 bytes
};

class KeySchedule {
 public:
  // `shared`: Z of section 4.
  explicit KeySchedule(base::SecretBytes shared) noexcept : shared_(std::move(shared)) {}

  [[nodiscard]] KeyAndNonce box_1(const TranscriptHash& t1) const;
  [[nodiscard]] KeyAndNonce box_2(const TranscriptHash& t2) const;
  // The last step: wipes Z.
  [[nodiscard]] FinalKeys finish(const TranscriptHash& t3) &&;

 private:
  base::SecretBytes shared_;
};

// Section 4, export(label, context, n).
[[nodiscard]] base::SecretBytes export_secret(const base::SecretBytes& exporter,
                                              std::string_view label, base::BytesView context,
                                              std::size_t size);

}  // namespace concordat::peer
