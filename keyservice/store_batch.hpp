// Several entries of one folder of the parent's store that are written together or not at all, as
// an enclave sends them, in CBOR:
//
//   {"behind": null | [name, version], "puts": [[name, version | null, content], ...]}
//
// What each put depends on is what a single one would say (parent_store.hpp): the version that it
// replaces, null for nothing there; `behind`, another entry that must be there in that version, is
// for all of them. Bounded so that every engine takes the whole in one transaction, whatever its
// entries are.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "keyservice/store_page.hpp"

namespace concordat::keyservice {

// etcd takes 128 operations in a transaction by default: two a put, and one for the folder's usage.
inline constexpr std::size_t kMaxStoreBatchPuts = 32;
// Of contents. etcd takes 1.5 MiB in a request by default, names and versions included.
inline constexpr std::size_t kMaxStoreBatchContent = kMaxStoreEntry;
// As it is sent: of each put its name, a version, and what CBOR puts before them.
inline constexpr std::size_t kMaxStoreBatch =
    kMaxStoreBatchContent + (kMaxStoreBatchPuts + 1) * (kMaxStoreName + 64 + 16);

struct StoreBatch {
  struct Behind {
    std::string name, version;
    friend bool operator==(const Behind&, const Behind&) = default;
  };
  struct Put {
    std::string name;
    std::optional<std::string> expected;  // nullopt: nothing may be there
    base::Bytes content;
    friend bool operator==(const Put&, const Put&) = default;
  };
  std::optional<Behind> behind;
  std::vector<Put> puts;
  friend bool operator==(const StoreBatch&, const StoreBatch&) = default;
};

[[nodiscard]] base::Bytes encode_store_batch(const StoreBatch& batch);
// Errors: of CBOR (attest/base/cbor.hpp); more puts or content than allowed is too_large, none
// malformed, and so is a name that comes twice.
[[nodiscard]] base::Result<StoreBatch> parse_store_batch(base::BytesView encoded);

}  // namespace concordat::keyservice
