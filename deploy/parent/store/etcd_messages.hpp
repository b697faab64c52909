// Requests and replies of etcd's v3 JSON gateway, as far as the store uses it. Keys and values
// travel in base64, 64-bit numbers as text; what is zero is left out. An answer is checked before
// it is believed to have the form it should.
#pragma once

#include <vector>

#include "deploy/parent/store.hpp"

namespace concordat::parent::etcd {

inline constexpr const char* kRange = "/v3/kv/range";
inline constexpr const char* kTxn = "/v3/kv/txn";
inline constexpr const char* kLeaseGrant = "/v3/lease/grant";
inline constexpr const char* kLeaseKeepAlive = "/v3/lease/keepalive";
inline constexpr const char* kLeaseRevoke = "/v3/lease/revoke";

struct KeyValue {
  std::string key;
  base::Bytes value;
  std::int64_t mod_revision = 0;
  std::int64_t lease = 0;
};
// As a transaction's condition names it: 0 is that nothing is there.
[[nodiscard]] std::int64_t revision_of(const std::optional<KeyValue>& kept) noexcept;
// The part of a key behind its last '/'.
[[nodiscard]] std::string last_part(const std::string& key);

// Keys from `from` on and below `to`.
[[nodiscard]] std::string range_request(const std::string& from, const std::string& to,
                                        std::size_t limit);
struct RangeReply {
  std::vector<KeyValue> found;
  bool more = false;
};
[[nodiscard]] base::Result<RangeReply> parse_range(std::string_view body);

struct Unchanged {
  std::string key;
  std::int64_t mod_revision = 0;  // 0: it is not there
};
struct Put {
  std::string key;
  base::Bytes value;
  std::int64_t lease = 0;
};
struct Removal {
  std::string from, to{};  // keys from `from` on and below `to`, or `from` alone
};
// Writes if nothing changed; otherwise, or where there is nothing to write, reads.
struct Txn {
  std::vector<Unchanged> conditions;
  std::vector<Put> puts;
  std::vector<Removal> removals;
  std::vector<std::string> reads;
};
[[nodiscard]] std::string txn_request(const Txn& txn);
struct TxnReply {
  bool written = false;
  std::int64_t revision = 0;  // of the store after it: what was written has it as mod_revision
  std::vector<std::optional<KeyValue>> reads;  // as asked for; empty when written
};
// What was asked for, without its contents.
struct TxnShape {
  bool writes = false;
  std::size_t reads = 0;
};
[[nodiscard]] TxnShape shape_of(const Txn& txn) noexcept;
[[nodiscard]] base::Result<TxnReply> parse_txn(std::string_view body, TxnShape asked);

[[nodiscard]] std::string lease_grant_request(std::chrono::seconds ttl);
[[nodiscard]] std::string lease_request(std::int64_t id);
struct Lease {
  std::int64_t id = 0;
  std::int64_t ttl = 0;  // seconds; 0: it is over
};
[[nodiscard]] base::Result<Lease> parse_lease_grant(std::string_view body);
[[nodiscard]] base::Result<Lease> parse_lease_keep_alive(std::string_view body);

// What an answer with another status than 200 says: full, too_large, unreachable (ask another
// member), failed.
[[nodiscard]] base::Error failure(unsigned status, std::string_view body);

}  // namespace concordat::parent::etcd
