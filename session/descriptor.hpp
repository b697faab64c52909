// The descriptor of a session: what is computed, among whom, until when. Its format is in
// session.schema.json and README.md. Signed (DSSE) by the authority of every party.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "attest/base/clock.hpp"
#include "attest/base/hash.hpp"
#include "policy/dsse.hpp"
#include "session/errc.hpp"
#include "session/limits.hpp"
#include "session/protocol.hpp"

namespace concordat::session {

inline constexpr std::string_view kDescriptorFormat = "concordat/session/1";
inline constexpr std::string_view kDescriptorPayloadType =
    "application/vnd.concordat.session.v1+json";

// SHA-256 of the payload, byte by byte as signed: names one session.
using DescriptorDigest = base::Sha256Digest;

struct PartyEntry {
  std::string name;
  std::string realm;
  attest::AuthorityDigest authority;  // of the realm; PCR16 of the party's enclave follows from it
  std::string role;                   // in the session rules of the others' policies
  std::string parent;                 // "host:port" of the parent that reaches the enclave
  std::string enclave;                // its name there

  [[nodiscard]] attest::PcrValue pcr16() const { return attest::authority_pcr16(authority); }
};

struct DescriptorFields {
  std::string id;
  std::string protocol;
  base::Bytes parameters;           // the text of a JSON object, as it stands in the file
  std::vector<PartyEntry> parties;  // by index, from 1
  std::size_t threshold = 0;
  // Of each round (messaging::Timing::round), at every party: were it each party's own, one would
  // call another unreachable that has time left.
  std::chrono::seconds round_time = limits::kRoundTime;
  base::UnixMillis not_before, deadline;
  std::string purpose;

  // nullptr: none of that index.
  [[nodiscard]] const PartyEntry* party(PartyIndex index) const noexcept;
  // Ascending.
  [[nodiscard]] std::vector<PartyIndex> indices() const;
  // "party 2 (bank-b)", for messages.
  [[nodiscard]] std::string name_of(PartyIndex index) const;
};

// Two spaces a level and a line feed at the end. What parse reads back as the same fields, if they
// keep the rules.
[[nodiscard]] base::Result<std::string> encode_descriptor(const DescriptorFields& fields);

// What somebody wrote; nothing is verified.
class UnverifiedDescriptor {
 public:
  // descriptor_malformed with line, column and place of the first fault.
  [[nodiscard]] static base::Result<UnverifiedDescriptor> parse(std::string_view text);

  [[nodiscard]] const DescriptorFields& fields() const noexcept { return fields_; }
  [[nodiscard]] const DescriptorDigest& digest() const noexcept { return digest_; }

 private:
  friend class VerifiedDescriptor;
  UnverifiedDescriptor() = default;

  DescriptorFields fields_;
  DescriptorDigest digest_;
};

// Whether the protocol takes these parameters, for so many parties and such a threshold; an unknown
// protocol is refused. See ProtocolKind::take.
using JudgeParameters =
    std::function<base::Status(std::string_view protocol, base::BytesView parameters,
                               std::size_t parties, std::size_t threshold)>;

// parameters_refused, with the protocol and what it says.
[[nodiscard]] base::Status check_parameters(const DescriptorFields& fields,
                                            const JudgeParameters& judge);

// A session that the authority of every party signed. Which authorities may speak for which realm
// is each party's own policy's business (SessionRule).
class VerifiedDescriptor {
 public:
  // In this order: envelope, payload type, payload (which names the authorities), for each party
  // its authority's signatures, the parameters. `authorities`: the descriptors of all of them, from
  // wherever: they are found by the digests in the payload.
  [[nodiscard]] static base::Result<std::shared_ptr<const VerifiedDescriptor>> verify(
      base::BytesView envelope, std::span<const attest::AuthorityDescriptor> authorities,
      const JudgeParameters& judge);

  [[nodiscard]] const DescriptorFields& fields() const noexcept { return fields_; }
  [[nodiscard]] const DescriptorDigest& digest() const noexcept { return digest_; }
  [[nodiscard]] const base::Bytes& envelope() const noexcept { return envelope_; }
  // Each once, as many as the parties have.
  [[nodiscard]] const std::vector<attest::AuthorityDescriptor>& authorities() const noexcept {
    return authorities_;
  }
  // session_not_yet or session_deadline_passed; runs in [not_before, deadline).
  [[nodiscard]] base::Status usable_at(base::UnixMillis now) const;

 private:
  VerifiedDescriptor() = default;

  DescriptorFields fields_;
  DescriptorDigest digest_;
  base::Bytes envelope_;
  std::vector<attest::AuthorityDescriptor> authorities_;
};

using DescriptorPtr = std::shared_ptr<const VerifiedDescriptor>;

// The authority of `party` among these; authority_missing unless its realm and digest are the
// party's.
[[nodiscard]] base::Result<const attest::AuthorityDescriptor*> authority_of(
    const PartyEntry& party, std::span<const attest::AuthorityDescriptor> authorities);

}  // namespace concordat::session
