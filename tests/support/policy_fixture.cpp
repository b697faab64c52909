#include "tests/support/policy_fixture.hpp"

#include <stdexcept>

#include "policy/signed_policy.hpp"

namespace concordat::test {
namespace {

constexpr std::size_t kSigners = 3;
constexpr unsigned kThreshold = 2;

policy::SigningKey key_of(std::uint8_t seed) {
  base::Bytes bytes(32, seed);
  return policy::SigningKey::from_seed(base::SecretBytes::take(bytes)).value();
}

std::vector<policy::SigningKey> make_keys(std::uint8_t first_seed) {
  std::vector<policy::SigningKey> keys;
  for (std::size_t i = 0; i < kSigners; ++i)
    keys.push_back(key_of(static_cast<std::uint8_t>(first_seed + i)));
  return keys;
}

attest::AuthorityDescriptor make_descriptor(const std::vector<policy::SigningKey>& keys,
                                            std::uint64_t epoch) {
  attest::AuthorityFields fields{kRealm, {}, kThreshold, epoch};
  for (const policy::SigningKey& key : keys)
    fields.signers.push_back(key.public_key());
  return attest::AuthorityDescriptor::create(std::move(fields)).value();
}

std::string image(const std::string& name) {
  std::string out = "    \"" + name + "\": {\n";
  for (const unsigned index : {0u, 1u, 2u}) {
    out +=
        "      \"PCR" + std::to_string(index) + "\": \"" + image_pcr(name, index).hex() + "\",\n";
  }
  return out + "      \"PCR8\": \"any\"\n    }";
}

std::string role(const std::string& name, const std::string& accounts) {
  return "    \"" + name + "\": {\n      \"images\": [\n        \"" + name +
         "-1\"\n      ],\n      \"accounts\": " + accounts +
         ",\n      \"instances\": \"any\",\n      \"maximum_live\": \"any\"\n    }";
}

}  // namespace

TestAuthority::TestAuthority(std::uint64_t epoch, std::uint8_t first_seed)
    : keys_(make_keys(first_seed)), descriptor_(make_descriptor(keys_, epoch)) {}

policy::Envelope TestAuthority::sign(std::string_view payload,
                                     const std::vector<std::size_t>& signers,
                                     std::string_view type) const {
  policy::Envelope envelope;
  envelope.payload_type = type;
  envelope.payload = base::to_bytes(base::as_bytes(payload));
  for (const std::size_t signer : signers)
    policy::add_signature(envelope, keys_.at(signer)).value();
  return envelope;
}

attest::PcrValue image_pcr(std::string_view name, unsigned index) {
  return attest::extended_pcr(attest::PcrValue(),
                              base::as_bytes(std::string(name) + "/" + std::to_string(index)));
}

std::string sample_policy(const attest::AuthorityDescriptor& authority, std::uint64_t serial) {
  const std::string pinned = std::string("[\n        \"") + kAccount + "\"\n      ]";
  return R"({
  "format": "concordat/policy/1",
  "realm": ")" +
         authority.realm() + R"(",
  "serial": )" +
         std::to_string(serial) + R"(,
  "validity": {
    "not_before": "2026-01-01T00:00:00Z",
    "not_after": "2026-01-31T00:00:00Z"
  },
  "authority": ")" +
         authority.digest().hex() + R"(",
  "minimum_protocol_version": 1,
  "document_max_age_seconds": 300,
  "channel_life": {
    "seconds": 3600,
    "bytes": 1073741824,
    "records": 1048576
  },
  "freshness": "none",
  "root": {
    "kms_key_arn": ")" +
         kKmsKey + R"(",
    "generations": []
  },
  "images": {
)" + image("custodian-1") +
         ",\n" + image("payments-1") + ",\n" + image("reports-1") + R"(
  },
  "roles": {
)" + role("custodian", pinned) +
         ",\n" + role("payments", pinned) + ",\n" + role("reports", "\"any\"") + R"(
  },
  "purposes": {
    "keys": {
      "initiator": [
        "payments",
        "reports"
      ],
      "responder": [
        "custodian"
      ]
    }
  },
  "grants": [
    {
      "role": "payments",
      "keys": "payments/*",
      "operations": [
        "get",
        "sign"
      ],
      "use_limit": "none",
      "expires": "never"
    },
    {
      "role": "reports",
      "keys": "reports/daily",
      "operations": [
        "get"
      ],
      "use_limit": "none",
      "expires": "never"
    }
  ],
  "rotation": {},
  "operators": {},
  "recovery": "none"
}
)";
}

std::string full_policy(const attest::AuthorityDescriptor& authority) {
  const std::pair<const char*, std::string> changes[] = {
      {"\"freshness\": \"none\"", "\"freshness\": {\"key\": \"" +
                                      freshness_key().public_key().hex() +
                                      "\", \"max_age_seconds\": 600}"},
      {"\"generations\": []",
       "\"generations\": [{\"generation\": 1, \"state\": \"read_only\", \"commitment\": \"" +
           std::string(64, 'a') +
           "\"}, {\"generation\": 2, \"state\": \"current\", \"commitment\": \"" +
           std::string(96, 'b') + "\"}]"},
      {"\"PCR8\": \"any\"", "\"PCR8\": \"" + image_pcr("custodian-1", 8).hex() + "\""},
      {"\"instances\": \"any\"", "\"instances\": [\"i-0123456789abcdef0\"]"},
      {"\"maximum_live\": \"any\"", "\"maximum_live\": 2"},
      {"\"purposes\": {",
       "\"purposes\": {\"operate/keys\": {\"initiator\": [], \"responder\": [\"custodian\"]},"},
      {"\"use_limit\": \"none\"", "\"use_limit\": 1000"},
      {"\"expires\": \"never\"", "\"expires\": \"2026-01-20T00:00:00Z\""},
      {"\"rotation\": {}", "\"rotation\": {\"payments/*\": {\"every_seconds\": 7776000}}"},
      {"\"operators\": {}", "\"operators\": {\"dana\": {\"key\": \"" +
                                operator_key().public_key().hex() +
                                "\", \"purposes\": [\"operate/keys\"]}}"},
      {"\"recovery\": \"none\"",
       "\"recovery\": {\"threshold\": 1, \"holders\": {\"erin\": {\"key\": \"" +
           std::string(64, '3') + "\"}, \"frank\": {\"key\": \"" + std::string(64, '4') +
           "\"}}}, \"sessions\": {\"sums\": {\"id\": \"sums/*\", \"protocol\": \"aggregate/1\", "
           "\"own_roles\": [\"payments\"], \"runs_per_input\": 3, \"realms\": {\"bank-b.example\": "
           "{\"authority\": \"" +
           std::string(96, 'c') +
           "\", \"roles\": {\"analyst\": {\"images\": [\"payments-1\"], \"accounts\": "
           "[\"arn:aws:iam::444455556666:role/parent\"], \"instances\": "
           "[\"i-0123456789abcdef1\"]}}}}}}"},
  };
  std::string text = sample_policy(authority);
  for (const auto& [from, to] : changes)
    text = replaced(std::move(text), from, to);
  return text;
}

policy::SigningKey operator_key() {
  return key_of(80);
}

std::string with_operator(std::string text, const std::string& name, const policy::SignerKey& key,
                          const std::string& purposes) {
  if (text.find("\"admin\": {") == text.npos) {
    text = replaced(std::move(text), "\"purposes\": {",
                    "\"purposes\": {\"admin\": {\"initiator\": [], \"responder\": "
                    "[\"custodian\"]},");
  }
  const bool first = text.find("\"operators\": {}") != text.npos;
  return replaced(std::move(text), "\"operators\": {",
                  "\"operators\": {\"" + name + "\": {\"key\": \"" + key.hex() +
                      "\", \"purposes\": [" + purposes + "]}" + (first ? "" : ","));
}

policy::SigningKey freshness_key() {
  return key_of(77);
}

std::string with_freshness(std::string text, const policy::SigningKey& key,
                           std::chrono::seconds max_age) {
  return replaced(std::move(text), "\"freshness\": \"none\"",
                  "\"freshness\": {\"key\": \"" + key.public_key().hex() +
                      "\", \"max_age_seconds\": " + std::to_string(max_age.count()) + "}");
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  if (at == text.npos) throw std::logic_error("nothing to replace: " + std::string(from));
  return text.replace(at, from.size(), to);
}

policy::PolicyPtr signed_policy(const TestAuthority& authority, std::uint64_t serial) {
  return signed_policy(authority, sample_policy(authority.descriptor(), serial));
}

policy::PolicyPtr signed_policy(const TestAuthority& authority, std::string_view payload) {
  return policy::SignedPolicy::verify(authority.sign(payload).encode(), authority.descriptor(),
                                      kNow)
      .value();
}

}  // namespace concordat::test
