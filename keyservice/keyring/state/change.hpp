// One change of the keyring: the content of an entry of the journal, in CBOR.
//
//   [1, name, type, exportable, at, origin, generation, material]      a key, with its version 1
//   [2, name, adopted, version, at, origin, generation, material]      its next version
//   [3, name, adopted, version, state]                                 version 0: of the whole key
//   [4, name, adopted, minimum]
//   [5, grant, from, to]                                               uses from + 1 to `to`
//   [6, generation, implicit]      root generation `generation` seals from here on; names without a
//                                  record stand for derived keys of generation `implicit`, as
//                                  before
//   [7, from, to]                  and from here on for those of generation `to`, which seals
//   [8, name, generation]          one of them becomes a record as it is
//   [9, origin, generation, size, root]     an audit log is handed to the log key of `generation`,
//                                           with the checkpoint that it goes on from
//   [10, role, input, number, run] the `number`th run of a session that took this input in
//
// Numbers as in key_types.hpp; `at` in milliseconds; generation 0 and material h'' where there is
// none. `adopted`: 0, or the root generation whose implicit key becomes a record by this change: a
// name without a record is a derived key of version 1. Built and read in guarded memory only.
#pragma once

#include <variant>

#include "attest/base/cbor.hpp"
#include "keyservice/keyring/key_types.hpp"
#include "keyservice/keyring/state/grant_identity.hpp"
#include "keyservice/keyring/state/run_counts.hpp"

namespace concordat::keyservice {

struct NewVersion {
  KeyOrigin origin = KeyOrigin::derived;
  std::uint32_t root_generation = 0;  // of derived ones: that seals the entry
  base::SecretBytes material;         // of all others
};

struct CreateKey {
  std::string name;
  KeyType type = KeyType::derived;
  bool exportable = false;
  base::UnixMillis at;
  NewVersion first;
};
struct AddVersion {
  std::string name;
  std::uint32_t adopted = 0;
  std::uint32_t version = 0;
  base::UnixMillis at;
  NewVersion made;
};
struct SetState {
  std::string name;
  std::uint32_t adopted = 0;
  std::uint32_t version = 0;
  VersionState state = VersionState::enabled;
};
struct SetMinimum {
  std::string name;
  std::uint32_t adopted = 0;
  std::uint32_t minimum = 0;
};
struct ReserveUses {
  GrantIdentity grant;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};
// Whose entry is the first under `generation`.
struct TakeOver {
  std::uint32_t generation = 0;
  std::uint32_t implicit = 0;
};
struct MoveImplicit {
  std::uint32_t from = 0;
  std::uint32_t to = 0;
};
struct AdoptKey {
  std::string name;
  std::uint32_t generation = 0;
};
struct CountRun {
  RunOfInput run;
  std::uint64_t number = 0;
};
// The journal says so because it is the one thing in which a replaced root counts no more: the log
// itself lies where whoever has that root may sign it.
struct HandOverLog {
  std::string origin;  // 1 to kMaxLogOrigin bytes: AUDIT.md
  std::uint32_t generation = 0;
  std::uint64_t size = 0;
  base::Sha256Digest root;

  friend bool operator==(const HandOverLog&, const HandOverLog&) = default;
};
using Change = std::variant<CreateKey, AddVersion, SetState, SetMinimum, ReserveUses, TakeOver,
                            MoveImplicit, AdoptKey, HandOverLog, CountRun>;

[[nodiscard]] base::SecretBytes encode(const Change& change);
// The items of one behind its kind, as in a snapshot.
inline constexpr std::size_t kLogItems = 4;
void write_log(base::cbor::Writer& out, const HandOverLog& log);
[[nodiscard]] base::Result<HandOverLog> read_log(base::cbor::Reader& reader);
// malformed_change: not understood, or not as it is written.
[[nodiscard]] base::Result<Change> decode_change(const base::SecretBytes& content);

}  // namespace concordat::keyservice
