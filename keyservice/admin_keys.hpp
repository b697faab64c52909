// Keys and their versions as a custodian shows them to operators, without any secret:
//
//   key      [name, type, exportable, state, minimum version, newest version, created, recorded]
//   version  [version, state, origin, created, root generation, null or [type, public key]]
//
// Numbers as in key_types.hpp; `created` in milliseconds by the custodian's clock, of a key that of
// its newest version, 0 where nothing was recorded of it. `recorded`: false for a name that has no
// record and stands for a derived key of version 1.
#pragma once

#include "keyservice/admin_messages.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "keyservice/keyring/state/key_table.hpp"

namespace concordat::keyservice {

struct ShownKey {
  KeySummary summary;
  bool is_recorded = true;
};
struct ShownVersion {
  VersionDescription description;
  std::optional<PublicKey> public_key;  // of keys that have one, as long as it is not destroyed
};

[[nodiscard]] base::Bytes encode(const ShownKey& key);
[[nodiscard]] base::Bytes encode(const ShownVersion& version);

// All items of a part, or the one of a last record. malformed_response.
[[nodiscard]] base::Result<std::vector<ShownKey>> decode_keys(const AdminReply& part);
[[nodiscard]] base::Result<std::vector<ShownVersion>> decode_versions(const AdminReply& part);
[[nodiscard]] base::Result<ShownKey> decode_key(const AdminReply& last);

// What `list` ends with.
[[nodiscard]] base::Bytes encode_key_count(std::uint64_t count);
[[nodiscard]] base::Result<std::uint64_t> decode_key_count(const AdminReply& last);

// What `rewrap` answers.
struct Rewrapped {
  std::string name;
  std::uint32_t version = 0;
  base::Bytes envelope;
};
inline constexpr std::size_t kRewrappedItems = 3;
[[nodiscard]] base::Bytes encode(const Rewrapped& rewrapped);
[[nodiscard]] base::Result<Rewrapped> decode_rewrapped(const AdminReply& last);

}  // namespace concordat::keyservice
