// One entry of the audit log: deterministic CBOR, an array of twelve items.
//
//   [1, time, boot (16), sequence, kind, subject, purpose, key, operation, outcome, detail,
//    evidence]
//
//   subject    null, or [type, name, image, id]
//   key        null, or [name, version]
//   evidence   [[type, SHA-256 (32)]...], ascending and distinct, at most 8
//
// Texts are printable ASCII, and empty where there is nothing to say. Numbers are never given
// another meaning. An entry holds no bytes of keys, plaintexts or messages.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "keyservice/audit/errc.hpp"

namespace concordat::keyservice::audit {

enum class Kind : std::uint8_t {
  boot = 1,       // of a custodian that took the log over; the first of its entries
  admission,      // of a peer, or an operator, on a channel
  refusal,        // of either, or of a request
  release,        // of a key to a worker
  use,            // of a key by the custodian for a worker
  rotation,       // of a key, by interval or order
  key_change,     // created, imported, disabled, destroyed, ...
  policy_change,  // another one in force
  replica,        // the root given to another custodian, or got from one
  recovery,       // shares made or used
  operator_action,
  genesis,  // of the root under which the log is written, when that root is new to it
};
inline constexpr Kind kLastKind = Kind::genesis;
[[nodiscard]] std::string_view to_string(Kind kind) noexcept;

enum class SubjectType : std::uint8_t { enclave = 1, operator_key, authority };
[[nodiscard]] std::string_view to_string(SubjectType type) noexcept;

// Who did it, or asked for it.
struct Subject {
  SubjectType type = SubjectType::enclave;
  std::string name;   // role, or an operator's name
  std::string image;  // of an enclave
  std::string id;     // module id, or key id

  friend bool operator==(const Subject&, const Subject&) = default;
};

struct KeyVersionName {
  std::string name;
  std::uint32_t version = 0;  // 0: of none, or not told

  friend bool operator==(const KeyVersionName&, const KeyVersionName&) = default;
};

// What an entry refers to by hash; kept once in the log's evidence (evidence.hpp).
enum class EvidenceType : std::uint8_t {
  document = 1,  // attestation document, as it came
  transcript,    // of a handshake: what its hashes are made of
  policy,        // signed policy, as it came
  authority,     // descriptor
  checkpoint,    // the note that a boot went on from
  order,         // signed by the authority or an operator
  freshness,     // statement that the policy is the newest, as it came
};
inline constexpr EvidenceType kLastEvidenceType = EvidenceType::freshness;
[[nodiscard]] std::string_view to_string(EvidenceType type) noexcept;

struct EvidenceRef {
  EvidenceType type = EvidenceType::document;
  base::Sha256Digest hash;

  friend auto operator<=>(const EvidenceRef&, const EvidenceRef&) = default;
};

// What happened, as whoever saw it says.
struct Event {
  Kind kind = Kind::boot;
  std::optional<Subject> subject;
  std::string purpose;
  std::optional<KeyVersionName> key;
  std::string operation;
  std::string outcome = "ok";  // or an error's stable name
  std::string detail;
  std::vector<EvidenceRef> evidence;

  [[nodiscard]] const base::Sha256Digest* evidence_of(EvidenceType type) const noexcept;
  friend bool operator==(const Event&, const Event&) = default;
};

using BootId = base::FixedBytes<struct BootIdTag, 16>;

// And when and where in the log.
struct Entry {
  base::UnixMillis time;       // never before that of the entry before
  BootId boot;                 // of the custodian that wrote it
  std::uint64_t sequence = 0;  // of this boot, from 0, without a gap
  Event event;

  friend bool operator==(const Entry&, const Entry&) = default;
};

// Texts longer than their bound are cut, characters that are not printable ASCII become "?", and
// evidence is sorted; beyond its bound it is dropped. So whatever happened can be written.
[[nodiscard]] base::Bytes encode(const Entry& entry);
// The one encoding of it; malformed_entry says at which byte it is none.
[[nodiscard]] base::Result<Entry> decode_entry(base::BytesView encoded);
// The same into an entry whose memory is used again; after an error it is anything.
[[nodiscard]] base::Status decode_entry(base::BytesView encoded, Entry& entry);

}  // namespace concordat::keyservice::audit
