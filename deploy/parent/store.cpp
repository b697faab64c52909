#include "deploy/parent/store.hpp"

#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "attest/base/file.hpp"
#include "attest/base/hash.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kMaxName = 100;
constexpr mode_t kOwnerOnly = 0600;

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

Error failed(const std::filesystem::path& path, const std::string& why) {
  return Error(StoreErrc::failed, path.string() + ": " + why);
}

// The folder stays once it is made, so its own entry must survive a crash as well.
Status make_folder(const std::filesystem::path& path) {
  std::error_code failure;
  if (!std::filesystem::create_directory(path, failure)) {
    return failure ? Status(failed(path, failure.message())) : Status();
  }
  std::filesystem::permissions(path, std::filesystem::perms::owner_all, failure);
  const base::Descriptor above(
      ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (failure || !above.open() || ::fsync(above.get()) != 0) {
    return failed(path, failure ? failure.message() : std::strerror(errno));
  }
  return {};
}

}  // namespace

base::CodeInfo describe(StoreErrc code) noexcept {
  switch (code) {
    case StoreErrc::bad_name:
      return {"bad_name",
              "a name has 1 to 100 of a-z, 0-9, '.', '_', '-' and begins with a letter "
              "or digit"};
    case StoreErrc::not_found:
      return {"not_found", "there is no such entry"};
    case StoreErrc::version_differs:
      return {"version_differs", "another version is there"};
    case StoreErrc::condition_missing:
      return {"condition_missing", "a write says If-Match with a version or If-None-Match: *"};
    case StoreErrc::too_large:
      return {"too_large", "the entry is larger than allowed"};
    case StoreErrc::full:
      return {"full", "the folder holds as many entries as allowed"};
    case StoreErrc::in_use:
      return {"in_use", "another program uses the store"};
    case StoreErrc::failed:
      return {"failed", "the store cannot read or write"};
  }
  return {"unknown", "unknown store error"};
}

std::string version_of(base::BytesView content) {
  return base::sha256({content}).hex();
}

bool is_entry_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > kMaxName || !is_word(name.front())) return false;
  return std::ranges::all_of(name,
                             [](char c) { return is_word(c) || c == '.' || c == '_' || c == '-'; });
}

Result<Store> Store::open(const StoreConfig& config) {
  CONCORDAT_CHECK(make_folder(config.directory));
  const std::filesystem::path file = config.directory / ".lock";
  base::Descriptor lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kOwnerOnly));
  if (!lock.open()) return failed(file, std::strerror(errno));
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(StoreErrc::in_use, config.directory.string());
  }
  return Store(config, std::move(lock));
}

Result<std::filesystem::path> Store::path_of(std::string_view folder, std::string_view name) const {
  if (!is_entry_name(name) || !peer::is_enclave_name(folder)) return StoreErrc::bad_name;
  return config_.directory / folder / name;
}

Result<StoredEntry> Store::get(std::string_view folder, std::string_view name) const {
  CONCORDAT_TRY(const std::filesystem::path path, path_of(folder, name));
  std::error_code failure;
  if (!std::filesystem::exists(path, failure)) {
    if (failure) return failed(path, failure.message());
    return StoreErrc::not_found;
  }
  auto content = base::read_file(path, config_.max_bytes);
  if (!content) return Error(StoreErrc::failed, content.error().to_string());
  std::string version = version_of(*content);
  return StoredEntry{*std::move(content), std::move(version)};
}

Status Store::check_room(const std::filesystem::path& folder) const {
  std::error_code failure;
  std::size_t entries = 0;
  for (auto at = std::filesystem::directory_iterator(folder, failure);
       !failure && at != std::filesystem::directory_iterator(); at.increment(failure)) {
    ++entries;
  }
  if (failure) return failed(folder, failure.message());
  if (entries >= config_.max_entries) return StoreErrc::full;
  return {};
}

Result<std::string> Store::put(std::string_view folder, std::string_view name,
                               base::BytesView content, const WriteCondition& condition) {
  CONCORDAT_TRY(const std::filesystem::path path, path_of(folder, name));
  if (content.size() > config_.max_bytes) {
    return Error(StoreErrc::too_large, std::to_string(content.size()) + " bytes, at most " +
                                           std::to_string(config_.max_bytes));
  }
  CONCORDAT_CHECK(make_folder(path.parent_path()));
  const auto present = get(folder, name);
  if (!present && !present.error().is(StoreErrc::not_found)) return present.error();
  const std::optional<std::string> version =
      present ? std::optional(present->version) : std::nullopt;
  if (version != condition.version) {
    return Error(StoreErrc::version_differs, version ? *version : "nothing is there");
  }
  if (!present) CONCORDAT_CHECK(check_room(path.parent_path()));
  const Status written = base::write_file(path, content, kOwnerOnly);
  if (!written) return Error(StoreErrc::failed, written.error().to_string());
  return version_of(content);
}

}  // namespace concordat::parent
