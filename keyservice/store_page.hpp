// One page of a list of the parent's store as it travels to an enclave, in CBOR:
//
//   {"more": bool, "entries": [[name, content], ...]}   names ascending by their bytes
//
// An entry's version is the SHA-256 of its content and does not travel. For the enclave the page is
// the parent's word: form and order are checked here, contents where they are unsealed.
#pragma once

#include <string>
#include <vector>

#include "attest/base/bytes.hpp"

namespace concordat::keyservice {

inline constexpr std::size_t kMaxStoreName = 100;
inline constexpr std::size_t kMaxStoreEntry = 1024 * 1024;
inline constexpr std::size_t kMaxStorePageEntries = 1'000;

struct StorePage {
  struct Entry {
    std::string name;
    base::Bytes content;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::vector<Entry> entries;
  bool more = false;  // ask again for what comes after the last name
  friend bool operator==(const StorePage&, const StorePage&) = default;
};

[[nodiscard]] base::Bytes encode_store_page(const StorePage& page);
// Errors: of CBOR (attest/base/cbor.hpp); names that do not ascend are malformed.
[[nodiscard]] base::Result<StorePage> parse_store_page(base::BytesView encoded);

}  // namespace concordat::keyservice
