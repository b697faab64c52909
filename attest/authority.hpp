// Measured configuration: the policy authority that an enclave obeys, carried by PCR16.
//
// An image is generic; what it obeys is decided by the authority descriptor that it is given at
// boot. The descriptor goes into PCR16 before any peer traffic and the register is locked, so that
// whoever checks the enclave (a peer, KMS) sees the image and the authority together, and whoever
// starts the enclave cannot name an authority of his own without being seen.
//
// Descriptor: deterministic CBOR (RFC 8949 section 4.2.1), a map
//   {"epoch": uint, "realm": text, "signers": [bytes(32)...], "threshold": uint}
// with keys in that order, signers sorted and distinct, and 1 <= threshold <= number of signers.
#pragma once

#include "attest/nsm.hpp"

namespace concordat::attest {

inline constexpr std::uint16_t kAuthorityPcr = 16;
inline constexpr std::string_view kAuthorityDomain = "concordat/authority/v1";
inline constexpr std::size_t kMaxRealmSize = 64;
inline constexpr std::size_t kMaxSigners = 32;
// Integers beyond 2^53 - 1 do not survive JSON, where people read and write them.
inline constexpr std::uint64_t kMaxEpoch = (std::uint64_t{1} << 53) - 1;
// Any descriptor that keeps the limits above is smaller.
inline constexpr std::size_t kMaxDescriptorSize = 2048;

enum class AuthorityErrc {
  bad_realm = 1,
  bad_signers,
  bad_threshold,
  bad_epoch,
  malformed_descriptor,
  register_in_use,
  other_authority,
  register_not_bound,
};
[[nodiscard]] base::CodeInfo describe(AuthorityErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(AuthorityErrc) {
  return "authority";
}
[[nodiscard]] inline boost::system::error_code make_error_code(AuthorityErrc e) {
  return base::enum_code(e);
}

// Ed25519 public key (RFC 8032) of one signer of the authority.
using SignerKey = base::FixedBytes<struct SignerKeyTag, 32>;
// SHA-384("concordat/authority/v1" || descriptor): what PCR16 is extended with, and how policy
// files name the authority that they are for.
using AuthorityDigest = base::FixedBytes<struct AuthorityDigestTag, 48>;

// bad_realm unless 1..64 of a-z 0-9 . - _, a letter or digit first.
[[nodiscard]] base::Status check_realm(std::string_view realm);

struct AuthorityFields {
  std::string realm;               // see check_realm
  std::vector<SignerKey> signers;  // 1..32, any order
  unsigned threshold = 0;          // so many distinct signers make a signature of the authority
  std::uint64_t epoch = 0;         // 1..kMaxEpoch; raised to leave everything older behind
};

// Immutable and valid: every object keeps the rules above.
class AuthorityDescriptor {
 public:
  // Sorts the signers. bad_signers also for two equal keys, and for bytes that are no point of the
  // curve's main subgroup: such a key could be satisfied without a private key.
  [[nodiscard]] static base::Result<AuthorityDescriptor> create(AuthorityFields fields);
  // Takes exactly the bytes that `create` writes for the same fields; otherwise
  // malformed_descriptor or the code of the field at fault.
  [[nodiscard]] static base::Result<AuthorityDescriptor> parse(base::BytesView encoded);

  [[nodiscard]] const std::string& realm() const noexcept { return fields_.realm; }
  [[nodiscard]] const std::vector<SignerKey>& signers() const noexcept { return fields_.signers; }
  [[nodiscard]] unsigned threshold() const noexcept { return fields_.threshold; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return fields_.epoch; }
  [[nodiscard]] const base::Bytes& encoded() const noexcept { return encoded_; }
  [[nodiscard]] const AuthorityDigest& digest() const noexcept { return digest_; }
  // PCR16 of every enclave that is bound to this authority.
  [[nodiscard]] const PcrValue& pcr16() const noexcept { return pcr16_; }

 private:
  explicit AuthorityDescriptor(AuthorityFields fields);

  AuthorityFields fields_;
  base::Bytes encoded_;
  AuthorityDigest digest_;
  PcrValue pcr16_;
};

// PCR16 for an authority known by its digest alone, as a policy file names it.
[[nodiscard]] PcrValue authority_pcr16(const AuthorityDigest& digest);

enum class AuthorityBinding {
  bound_now,      // PCR16 was zero: extended, locked and read back
  bound_already,  // PCR16 was locked with exactly this authority: the agent started again
};

// The boot step, before any peer traffic. Errors: register_in_use (unlocked and not zero),
// other_authority (locked with another value), register_not_bound (the module did not do what it
// was asked), and whatever the module or its carrier said.
[[nodiscard]] base::Result<AuthorityBinding> bind_authority(NsmTransport& nsm,
                                                            const AuthorityDescriptor& authority);

}  // namespace concordat::attest
