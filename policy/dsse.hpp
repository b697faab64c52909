// DSSE envelopes (secure-systems-lab/dsse, protocol 1.0.2): a payload, its type, and signatures
// over both. Ed25519 only; base64 of RFC 4648 section 4 in its one canonical form.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "attest/authority.hpp"

namespace concordat::policy {

inline constexpr std::string_view kPolicyPayloadType = "application/vnd.concordat.policy.v1+json";

using Signature = base::FixedBytes<struct SignatureTag, 64>;
using attest::SignerKey;

// SHA-256 of the public key in lower-case hex: how envelopes, files and people name a signer.
[[nodiscard]] std::string key_id(const SignerKey& key);

struct EnvelopeSignature {
  std::string key_id;  // a hint: what counts is which key verifies
  Signature signature;
};

// What was parsed; nothing is verified.
struct Envelope {
  std::string payload_type;
  base::Bytes payload;
  std::vector<EnvelopeSignature> signatures;

  // bad_envelope with place and reason of the first fault. Unknown or repeated keys are errors, as
  // in every file.
  [[nodiscard]] static base::Result<Envelope> parse(base::BytesView encoded);
  // The same for what more signers may sign than one authority has: limits::kSignatures at least.
  [[nodiscard]] static base::Result<Envelope> parse(base::BytesView encoded,
                                                    std::size_t max_signatures);
  // One line of JSON and a line feed.
  [[nodiscard]] base::Bytes encode() const;
};

// Pre-authentication encoding: what is signed.
[[nodiscard]] base::Bytes pre_authentication_encoding(std::string_view payload_type,
                                                      base::BytesView payload);

// bad_signature unless `key` made it over `message`.
[[nodiscard]] base::Status check_signature(const Signature& signature, base::BytesView message,
                                           const SignerKey& key);

// The distinct signers of `authority` whose signature verifies, in the authority's order, whatever
// the order of the signatures. The first that names a key is that key's, another is passed over; so
// are those of unknown signers.
[[nodiscard]] std::vector<SignerKey> valid_signers(const Envelope& envelope,
                                                   const attest::AuthorityDescriptor& authority);

// wrong_payload_type, or too_few_signatures when fewer than the threshold's distinct signers
// signed.
[[nodiscard]] base::Status verify_envelope(const Envelope& envelope, std::string_view payload_type,
                                           const attest::AuthorityDescriptor& authority);

}  // namespace concordat::policy
