#include "policy/authority_succession.hpp"

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "policy/errc.hpp"
#include "policy/finding.hpp"

namespace concordat::policy {
namespace {

using attest::AuthorityDescriptor;
using attest::AuthorityDigest;
using base::Error;
using base::Result;

constexpr std::string_view kAuthorityKey = "authority";
constexpr std::string_view kSuccessorKey = "successor";

base::Status read_key(base::cbor::Reader& reader, std::string_view wanted) {
  CONCORDAT_TRY(const std::string_view key, reader.read_text(wanted.size()));
  if (key != wanted) return Error(base::cbor::Errc::unknown_key, "want " + std::string(wanted));
  return {};
}

Result<Succession> decode(base::BytesView payload) {
  base::cbor::Reader reader(payload);
  CONCORDAT_TRY(const auto entries, reader.read_map(2));
  if (entries != 2u) return Error(base::cbor::Errc::missing_key, "want 2 entries");
  CONCORDAT_CHECK(read_key(reader, kAuthorityKey));
  CONCORDAT_TRY(const base::BytesView digest, reader.read_bytes(AuthorityDigest::kSize));
  CONCORDAT_TRY(const AuthorityDigest authority, AuthorityDigest::from(digest));
  CONCORDAT_CHECK(read_key(reader, kSuccessorKey));
  CONCORDAT_TRY(const base::BytesView encoded, reader.read_bytes(attest::kMaxDescriptorSize));
  CONCORDAT_TRY(AuthorityDescriptor successor, AuthorityDescriptor::parse(encoded));
  CONCORDAT_CHECK(reader.finish());
  return Succession{authority, std::move(successor)};
}

std::vector<std::string> keys_only_in(const AuthorityDescriptor& one,
                                      const AuthorityDescriptor& other) {
  std::vector<SignerKey> keys;  // signers are sorted
  std::ranges::set_difference(one.signers(), other.signers(), std::back_inserter(keys));
  std::vector<std::string> ids;
  std::ranges::transform(keys, std::back_inserter(ids), key_id);
  return ids;
}

std::string threshold_of(const AuthorityDescriptor& authority) {
  return std::to_string(authority.threshold()) + " of " +
         std::to_string(authority.signers().size());
}

std::string pcr16_of(const AuthorityDigest& digest) {
  return attest::authority_pcr16(digest).hex();
}

}  // namespace

base::CodeInfo describe(SuccessionErrc code) noexcept {
  switch (code) {
    case SuccessionErrc::malformed:
      return {"succession_malformed", "not a statement that one authority succeeds another"};
    case SuccessionErrc::other_authority:
      return {"succession_other_authority", "the statement is about another authority"};
    case SuccessionErrc::other_realm:
      return {"succession_other_realm", "an authority is succeeded within its realm only"};
    case SuccessionErrc::epoch_not_higher:
      return {"succession_epoch_not_higher", "the successor's epoch must be higher"};
  }
  return {"unknown", "unknown succession error"};
}

Result<Succession> Succession::parse(base::BytesView payload) {
  auto out = decode(payload);
  if (!out) return Error(SuccessionErrc::malformed, out.error().to_string());
  return out;
}

base::Bytes Succession::encode() const {
  base::cbor::Writer writer;
  writer.map(2).text(kAuthorityKey).bytes(authority.view());
  writer.text(kSuccessorKey).bytes(successor.encoded());
  return std::move(writer).take();
}

base::Status check_successor(const AuthorityDescriptor& authority,
                             const AuthorityDescriptor& successor) {
  if (successor.realm() != authority.realm()) {
    return Error(SuccessionErrc::other_realm, "the authority's is " + quote(authority.realm()) +
                                                  ", the successor's " + quote(successor.realm()));
  }
  if (successor.epoch() <= authority.epoch()) {
    return Error(SuccessionErrc::epoch_not_higher,
                 "the authority's is " + std::to_string(authority.epoch()) + ", the successor's " +
                     std::to_string(successor.epoch()));
  }
  return {};
}

Result<Envelope> propose_succession(const AuthorityDescriptor& authority,
                                    const AuthorityDescriptor& successor) {
  CONCORDAT_CHECK(check_successor(authority, successor));
  return Envelope{
      std::string(kSuccessionPayloadType), Succession{authority.digest(), successor}.encode(), {}};
}

Result<AuthorityDescriptor> verify_succession(base::BytesView envelope,
                                              const AuthorityDescriptor& authority) {
  CONCORDAT_TRY(const Envelope parsed, Envelope::parse(envelope));
  CONCORDAT_CHECK(verify_envelope(parsed, kSuccessionPayloadType, authority));
  CONCORDAT_TRY(Succession succession, Succession::parse(parsed.payload));
  if (succession.authority != authority.digest()) {
    return Error(SuccessionErrc::other_authority, "it names " + succession.authority.hex() +
                                                      ", this authority is " +
                                                      authority.digest().hex());
  }
  CONCORDAT_CHECK(check_successor(authority, succession.successor));
  return std::move(succession.successor);
}

std::vector<std::string> describe_change(const AuthorityDescriptor& authority,
                                         const AuthorityDescriptor& successor) {
  std::vector<std::string> lines;
  for (const std::string& id : keys_only_in(successor, authority))
    lines.push_back("signer " + id + " joins");
  for (const std::string& id : keys_only_in(authority, successor))
    lines.push_back("signer " + id + " leaves");
  if (threshold_of(authority) != threshold_of(successor)) {
    lines.push_back(threshold_of(successor) + " signers decide, before " + threshold_of(authority));
  }
  if (authority.epoch() != successor.epoch()) {
    lines.push_back("epoch " + std::to_string(successor.epoch()) + ", before " +
                    std::to_string(authority.epoch()));
  }
  return lines;
}

std::vector<RedoStep> redo_after_change(const AuthorityDigest& authority,
                                        const AuthorityDigest& successor) {
  if (authority == successor) return {};
  return {
      {"policy", "Policy: name authority " + successor.hex() +
                     ", raise the serial, and have the new authority's signers sign it."},
      {"kms_key_policy",
       "KMS key policy: print it for that policy (concordat policy kms-key-policy) and set it; it "
       "opens the key for PCR16 " +
           pcr16_of(successor) + ", and no longer for PCR16 " + pcr16_of(authority) +
           ". Custodians that run keep the root until they end."},
      {"restart",
       "Restart: end every enclave and start it with the new descriptor and the new policy, "
       "custodians first; PCR16 is locked at boot, and enclaves of the two authorities refuse "
       "one another."},
      {"unseal_check",
       "Unsealing: see that a custodian started so unseals the root that the policy pins."},
  };
}

}  // namespace concordat::policy
