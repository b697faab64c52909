// A changed authority: other signers, another threshold or epoch is another descriptor, which the
// old authority signs. Nothing that an enclave obeys follows from that signature: an enclave obeys
// the descriptor in its PCR16 until it ends. It tells people, and above all whoever administers the
// KMS key's policy, that the old authority stands behind the new descriptor.
//
// DSSE envelope of type kSuccessionPayloadType; payload: deterministic CBOR (RFC 8949 section
// 4.2.1), a map
//   {"authority": bytes(48), digest of the old descriptor; "successor": bytes, the new descriptor}
#pragma once

#include <vector>

#include "policy/dsse.hpp"

namespace concordat::policy {

inline constexpr std::string_view kSuccessionPayloadType =
    "application/vnd.concordat.authority-succession.v1+cbor";

enum class SuccessionErrc { malformed = 1, other_authority, other_realm, epoch_not_higher };
[[nodiscard]] base::CodeInfo describe(SuccessionErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(SuccessionErrc) {
  return "authority_succession";
}
[[nodiscard]] inline boost::system::error_code make_error_code(SuccessionErrc e) {
  return base::enum_code(e);
}

// What a payload says; nothing is verified.
struct Succession {
  attest::AuthorityDigest authority;
  attest::AuthorityDescriptor successor;

  // Takes exactly the bytes that `encode` writes; malformed otherwise.
  [[nodiscard]] static base::Result<Succession> parse(base::BytesView payload);
  [[nodiscard]] base::Bytes encode() const;
};

// other_realm, or epoch_not_higher: what no number of signatures makes good.
[[nodiscard]] base::Status check_successor(const attest::AuthorityDescriptor& authority,
                                           const attest::AuthorityDescriptor& successor);

// Unsigned, for the signers of `authority`; after check_successor.
[[nodiscard]] base::Result<Envelope> propose_succession(
    const attest::AuthorityDescriptor& authority, const attest::AuthorityDescriptor& successor);

// The successor, when as many distinct signers of `authority` as its threshold signed it. In this
// order: envelope, payload type, signatures, and only then the payload; it must name exactly this
// authority and keep check_successor.
[[nodiscard]] base::Result<attest::AuthorityDescriptor> verify_succession(
    base::BytesView envelope, const attest::AuthorityDescriptor& authority);

// In words, a line each: signers that come and go, threshold, epoch.
[[nodiscard]] std::vector<std::string> describe_change(
    const attest::AuthorityDescriptor& authority, const attest::AuthorityDescriptor& successor);

// What must be done again, in this order, before enclaves of the realm work under a changed
// authority. `name` is stable (for --json), `text` a sentence for people.
struct RedoStep {
  std::string_view name;
  std::string text;
};
[[nodiscard]] std::vector<RedoStep> redo_after_change(const attest::AuthorityDigest& authority,
                                                      const attest::AuthorityDigest& successor);

// The same in short, for the detail with which a running enclave refuses another authority's
// policy.
inline constexpr std::string_view kRedoForEnclave =
    "the authority in this enclave's PCR16 stays until it ends; for another one set the KMS key "
    "policy that names its PCR16, then start the enclave anew with its descriptor and policy";

}  // namespace concordat::policy
