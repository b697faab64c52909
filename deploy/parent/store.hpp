// Sealed blobs by name, for enclaves that have no disk. The parent cannot read them and may lose or
// roll them back; what it promises an honest operator is that a write is whole or not at all, that
// it is on disk when acknowledged, and that of two writers who saw the same version one wins.
//
//   DIRECTORY/FOLDER/NAME
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "attest/base/bytes.hpp"
#include "attest/base/descriptor.hpp"
#include "deploy/parent/config.hpp"

namespace concordat::parent {

enum class StoreErrc {
  bad_name = 1,
  not_found,
  version_differs,
  condition_missing,
  too_large,
  full,
  in_use,
  failed,
};
[[nodiscard]] base::CodeInfo describe(StoreErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(StoreErrc) {
  return "store";
}
[[nodiscard]] inline boost::system::error_code make_error_code(StoreErrc e) {
  return base::enum_code(e);
}

// SHA-256 of the content, in hex: the same content has the same version.
[[nodiscard]] std::string version_of(base::BytesView content);

// What must be there for a write to happen.
struct WriteCondition {
  std::optional<std::string> version;  // exactly this one; nullopt: nothing
};

struct StoredEntry {
  base::Bytes content;
  std::string version;
};

// 1 to 100 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit.
[[nodiscard]] bool is_entry_name(std::string_view name) noexcept;

// One thread at a time. Holds a lock on the directory: a second program is in_use.
class Store {
 public:
  // Makes the directory if its own folder is there.
  [[nodiscard]] static base::Result<Store> open(const StoreConfig& config);

  [[nodiscard]] base::Result<StoredEntry> get(std::string_view folder, std::string_view name) const;
  // The version written. version_differs says in its detail which version is there.
  [[nodiscard]] base::Result<std::string> put(std::string_view folder, std::string_view name,
                                              base::BytesView content,
                                              const WriteCondition& condition);

 private:
  Store(StoreConfig config, base::Descriptor lock)
      : config_(std::move(config)), lock_(std::move(lock)) {}
  [[nodiscard]] base::Result<std::filesystem::path> path_of(std::string_view folder,
                                                            std::string_view name) const;
  [[nodiscard]] base::Status check_room(const std::filesystem::path& folder) const;

  StoreConfig config_;
  base::Descriptor lock_;
};

}  // namespace concordat::parent
