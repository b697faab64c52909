// A keyring's state in the pieces of a snapshot: a CBOR sequence (RFC 8742) of items, cut between
// items wherever a piece is full.
//
//   [1, name, type, exportable, state, minimum, versions]       keys, ascending by name; behind
//   each [2, state, origin, created, generation, material]           its versions, from 1, so many
//   [3, grant, reserved]                                        then counters, ascending by grant
//   [5, origin, generation, size, root]                         audit logs that were handed over,
//                                                               ascending by origin
//   [6, role, input, run]                                       counted runs, ascending by all
//   three [4, generation]                                             last, what names without a
//   record
//                                                               stand for
#pragma once

#include <tuple>

#include "attest/base/cbor.hpp"
#include "keyservice/keyring/state/key_table.hpp"

namespace concordat::keyservice {

// Reads the pieces of a snapshot, in order, into a table of its own.
class TableLoader {
 public:
  TableLoader() = default;
  explicit TableLoader(const TableLimits& limits) : table_(limits) {}

  // malformed_state.
  [[nodiscard]] base::Status load(const base::SecretBytes& piece);
  // The table, when all is there; the loader is used up.
  [[nodiscard]] base::Result<KeyTable> finish();

 private:
  [[nodiscard]] base::Status read_item(base::cbor::Reader& reader);
  [[nodiscard]] base::Status read_key(base::cbor::Reader& reader);
  [[nodiscard]] base::Status read_version(base::cbor::Reader& reader);
  [[nodiscard]] base::Status read_implicit(base::cbor::Reader& reader);
  [[nodiscard]] base::Status read_uses(base::cbor::Reader& reader);
  [[nodiscard]] base::Status read_handed_log(base::cbor::Reader& reader);
  [[nodiscard]] base::Status read_run(base::cbor::Reader& reader);

  KeyTable table_;
  KeyRecord* key_ = nullptr;  // whose versions are read
  std::uint32_t versions_left_ = 0;
  bool is_whole_ = false;  // the last item was read
  std::tuple<std::string, CountedInput, CountedRun> last_run_;
};

}  // namespace concordat::keyservice
