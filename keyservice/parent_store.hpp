// The parent's store as an enclave asks for it: requests to send through the relay and what their
// replies say, without the sending. deploy/parent/store.hpp says what an honest parent promises; an
// enclave believes nothing of it but what it finds sealed.
//
// After store_unavailable, or no answer at all, a write may have happened. It is safe to send again
// as it was: a put of what is there already is answered as done, a removal finds nothing.
#pragma once

#include <optional>

#include "keyservice/http_message.hpp"
#include "keyservice/store_batch.hpp"

namespace concordat::keyservice {

enum class ParentStoreErrc {
  conflict = 1,
  predecessor_missing,
  not_found,
  full,
  unavailable,
  failed,
  malformed
};
[[nodiscard]] base::CodeInfo describe(ParentStoreErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ParentStoreErrc) {
  return "parent_store";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ParentStoreErrc e) {
  return base::enum_code(e);
}

// SHA-256 of the content, in hex.
[[nodiscard]] std::string store_version(base::BytesView content);

// Another entry, and the version in which it must be there for a write to happen.
struct StorePredecessor {
  std::string name, version;
};
// `expected`: the version that is to be replaced; nullopt: nothing may be there.
[[nodiscard]] HttpRequest store_put(const std::string& name, base::BytesView content,
                                    const std::optional<std::string>& expected,
                                    const std::optional<StorePredecessor>& behind = {});
// All or none; safe to send again as it was, too.
[[nodiscard]] HttpRequest store_put_together(const StoreBatch& batch);
[[nodiscard]] HttpRequest store_get(const std::string& name);
[[nodiscard]] HttpRequest store_remove(const std::string& name, const std::string& version);
// All that begin with `prefix`, which may be empty, and come before `before`.
[[nodiscard]] HttpRequest store_remove_range(const std::string& prefix, const std::string& before);
// Names that begin with `prefix` and come after `after`; either may be empty.
[[nodiscard]] HttpRequest store_list(const std::string& prefix, const std::string& after,
                                     std::size_t max_bytes = kMaxStoreEntry);
[[nodiscard]] HttpRequest list_custodians();

// For the puts and the removals.
[[nodiscard]] base::Status read_store_write(const HttpReply& reply);
// nullopt: nothing is there.
[[nodiscard]] base::Result<std::optional<base::Bytes>> read_store_get(const HttpReply& reply);
[[nodiscard]] base::Result<StorePage> read_store_list(const HttpReply& reply);
// Names to ask the relay for, as "enclave/NAME".
[[nodiscard]] base::Result<std::vector<std::string>> read_custodians(const HttpReply& reply);

}  // namespace concordat::keyservice
