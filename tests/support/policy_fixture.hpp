// A small realm for tests: signers, an authority, a policy that they sign, and the registers of the
// enclaves that it names. Everything is the same in every run.
#pragma once

#include <string>
#include <vector>

#include "policy/dsse.hpp"
#include "policy/policy.hpp"
#include "policy/signer_key.hpp"

namespace concordat::test {

inline constexpr const char* kRealm = "lab.example";
inline constexpr const char* kAccount = "arn:aws:iam::111122223333:role/concordat-parent";
inline constexpr const char* kKmsKey =
    "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
// Within the sample policy's validity: 2026-01-01T00:00:00Z to 30 days later.
inline constexpr base::UnixMillis kNow{1767700000000};

// 2 of 3 signers.
class TestAuthority {
 public:
  explicit TestAuthority(std::uint64_t epoch = 1, std::uint8_t first_seed = 1);
  [[nodiscard]] const attest::AuthorityDescriptor& descriptor() const noexcept {
    return descriptor_;
  }
  [[nodiscard]] const policy::SigningKey& key(std::size_t index) const { return keys_.at(index); }
  // An envelope over `payload`, signed by these keys in this order.
  [[nodiscard]] policy::Envelope sign(std::string_view payload,
                                      const std::vector<std::size_t>& signers = {0, 1},
                                      std::string_view type = policy::kPolicyPayloadType) const;

 private:
  std::vector<policy::SigningKey> keys_;
  attest::AuthorityDescriptor descriptor_;
};

// Register `index` of the image `name`, as the sample policy pins it.
[[nodiscard]] attest::PcrValue image_pcr(std::string_view name, unsigned index);

// A policy file: images custodian-1, payments-1, reports-1; roles custodian (account pinned),
// payments (account pinned), reports; purpose "keys"; payments may get and sign "payments/*",
// reports may get "reports/daily".
[[nodiscard]] std::string sample_policy(const attest::AuthorityDescriptor& authority,
                                        std::uint64_t serial = 1);
// The sample with everything that a policy may say in place of "any", "none" and "never".
[[nodiscard]] std::string full_policy(const attest::AuthorityDescriptor& authority);
// Of operator dana in full_policy; of freshness statements, and `text` naming it.
[[nodiscard]] policy::SigningKey operator_key();
[[nodiscard]] policy::SigningKey freshness_key();
// The sample with purpose "admin", which custodians answer, and operator `name` for `purposes`
// (JSON texts, joined).
[[nodiscard]] std::string with_operator(std::string text, const std::string& name,
                                        const policy::SignerKey& key,
                                        const std::string& purposes = "\"admin\"");
[[nodiscard]] std::string with_freshness(std::string text, const policy::SigningKey& key,
                                         std::chrono::seconds max_age);
// `text` with the first `from` replaced by `to`; fails the test when there is none.
[[nodiscard]] std::string replaced(std::string text, std::string_view from, std::string_view to);

// The sample policy, signed and verified at kNow.
[[nodiscard]] policy::PolicyPtr signed_policy(const TestAuthority& authority,
                                              std::uint64_t serial = 1);
[[nodiscard]] policy::PolicyPtr signed_policy(const TestAuthority& authority,
                                              std::string_view payload);

}  // namespace concordat::test
