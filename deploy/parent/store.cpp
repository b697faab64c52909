#include "deploy/parent/store.hpp"

#include <algorithm>
#include <set>

#include "attest/base/hash.hpp"
#include "attest/base/log.hpp"
#include "peer/relay_preface.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;
using base::Status;

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}
bool is_name_character(char c) noexcept {
  return is_word(c) || c == '.' || c == '_' || c == '-';
}

Error too_large(std::size_t bytes, std::size_t most) {
  return Error(StoreErrc::too_large,
               std::to_string(bytes) + " bytes, at most " + std::to_string(most));
}

Status check_folder(const std::string& folder) {
  if (peer::is_enclave_name(folder)) return {};
  return Error(StoreErrc::bad_name, "the folder's name");
}
Status check_key(const EntryKey& key) {
  CONCORDAT_CHECK(check_folder(key.folder));
  if (!is_entry_name(key.name)) return StoreErrc::bad_name;
  return {};
}
Status check_condition(const WriteCondition& condition) {
  if (!condition.behind || is_entry_name(condition.behind->name)) return {};
  return Error(StoreErrc::bad_name, "behind");
}
Status check_sizes(const StoreBatch& batch, std::size_t max_bytes) {
  std::size_t bytes = 0;
  for (const StoreBatch::Put& put : batch.puts) {
    if (put.content.size() > max_bytes) return too_large(put.content.size(), max_bytes);
    bytes += put.content.size();
  }
  if (bytes > keyservice::kMaxStoreBatchContent) {
    return too_large(bytes, keyservice::kMaxStoreBatchContent);
  }
  if (batch.puts.size() <= keyservice::kMaxStoreBatchPuts) return {};
  return Error(StoreErrc::too_large, std::to_string(batch.puts.size()) + " entries, at most " +
                                         std::to_string(keyservice::kMaxStoreBatchPuts));
}
Status check_names(const std::string& folder, const StoreBatch& batch) {
  CONCORDAT_CHECK(check_folder(folder));
  if (batch.behind && !is_entry_name(batch.behind->name)) {
    return Error(StoreErrc::bad_name, "behind");
  }
  std::set<std::string_view> names;
  for (const StoreBatch::Put& put : batch.puts) {
    if (!is_entry_name(put.name)) return StoreErrc::bad_name;
    if (!names.insert(put.name).second) return Error(StoreErrc::bad_name, put.name + ": twice");
  }
  return {};
}
Status check_range(const RemovalRange& range) {
  CONCORDAT_CHECK(check_folder(range.folder));
  if (!range.prefix.empty() && !is_entry_name(range.prefix)) {
    return Error(StoreErrc::bad_name, "prefix");
  }
  if (!is_entry_name(range.before)) return Error(StoreErrc::bad_name, "before");
  return {};
}
// A prefix of a name is empty or a name.
Status check_query(const ListQuery& query) {
  CONCORDAT_CHECK(check_folder(query.folder));
  if (!query.prefix.empty() && !is_entry_name(query.prefix)) {
    return Error(StoreErrc::bad_name, "prefix");
  }
  if (!query.after.empty() && !is_entry_name(query.after)) {
    return Error(StoreErrc::bad_name, "after");
  }
  return {};
}

// What says something about the store, and not about one request.
bool is_trouble(const Error& error) {
  return error.is(StoreErrc::full) || error.is(StoreErrc::unreachable) ||
         error.is(StoreErrc::corrupt) || error.is(StoreErrc::failed);
}

bool writes(StoreOperation operation) {
  return operation == StoreOperation::put || operation == StoreOperation::put_together ||
         operation == StoreOperation::announce;
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
    case StoreErrc::predecessor_missing:
      return {"predecessor_missing", "the entry that it comes behind is not there in that version"};
    case StoreErrc::condition_missing:
      return {"condition_missing", "a write says If-Match with a version or If-None-Match: *"};
    case StoreErrc::too_large:
      return {"too_large", "the entry is larger than allowed"};
    case StoreErrc::folder_full:
      return {"folder_full", "the folder holds as much as the configuration allows"};
    case StoreErrc::full:
      return {"full", "the store's disk is full"};
    case StoreErrc::busy:
      return {"busy", "too many requests to the store wait already; try again"};
    case StoreErrc::unreachable:
      return {"unreachable", "the store cannot be reached"};
    case StoreErrc::name_taken:
      return {"name_taken", "the name is announced with another address"};
    case StoreErrc::in_use:
      return {"in_use", "another program uses the store"};
    case StoreErrc::foreign:
      return {"foreign", "the file is not a store of this program"};
    case StoreErrc::corrupt:
      return {"corrupt", "the store is damaged"};
    case StoreErrc::failed:
      return {"failed", "the store cannot read or write"};
  }
  return {"unknown", "unknown store error"};
}

std::string_view name_of(StoreOperation operation) noexcept {
  switch (operation) {
    case StoreOperation::get:
      return "get";
    case StoreOperation::put:
      return "put";
    case StoreOperation::put_together:
      return "put_together";
    case StoreOperation::remove:
      return "remove";
    case StoreOperation::remove_range:
      return "remove_range";
    case StoreOperation::list:
      return "list";
    case StoreOperation::announce:
      return "announce";
    case StoreOperation::withdraw:
      return "withdraw";
    case StoreOperation::custodians:
      return "custodians";
  }
  return "unknown";
}

std::string version_of(base::BytesView content) {
  return base::sha256({content}).hex();
}

bool is_version(std::string_view text) noexcept {
  return text.size() == 2 * base::Sha256Digest::kSize &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool is_entry_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= keyservice::kMaxStoreName && is_word(name.front()) &&
         std::ranges::all_of(name, is_name_character);
}

template <class T>
Result<Store::Handler<T>> Store::admit(StoreOperation operation, const std::string& folder,
                                       Handler<T> handler) {
  std::size_t& pending = pending_[folder];
  if (pending >= kMaxPendingOfFolder) {
    const Error busy(StoreErrc::busy, std::to_string(pending) + " wait");
    refuse(operation, handler, busy);
    return busy;
  }
  ++pending;
  return Handler<T>([this, operation, folder, handler = std::move(handler)](Result<T> result) {
    const auto waiting = pending_.find(folder);
    if (--waiting->second == 0) pending_.erase(waiting);
    note(operation, result.error());
    handler(std::move(result));
  });
}

template <class T>
void Store::refuse(StoreOperation operation, const Handler<T>& handler, Error why) {
  note(operation, why);
  handler(std::move(why));
}

void Store::note(StoreOperation operation, const Error& failure) {
  ++counters_[{operation, failure.code() ? std::string(failure.name()) : "ok"}];
  watch(operation, failure);
}

// A store that is full still answers reads: only a write shows that it is over.
void Store::watch(StoreOperation operation, const Error& failure) {
  if (is_trouble(failure)) {
    const bool new_trouble = !trouble_ || trouble_->code() != failure.code();
    trouble_ = failure;
    if (new_trouble) {
      log_.error("store_trouble", failure,
                 {{"engine", engine()}, {"operation", name_of(operation)}});
    }
    return;
  }
  if (!trouble_ || failure.code()) return;
  if (!writes(operation) && !trouble_->is(StoreErrc::unreachable)) return;
  trouble_.reset();
  log_.info("store_recovered", {{"engine", engine()}});
}

void Store::get(EntryKey key, Handler<StoredEntry> handler) {
  if (const Status fits = check_key(key); !fits) {
    return refuse(StoreOperation::get, handler, fits.error());
  }
  auto admitted = admit(StoreOperation::get, key.folder, std::move(handler));
  if (admitted) do_get(std::move(key), *std::move(admitted));
}

void Store::put(EntryKey key, base::Bytes content, WriteCondition condition,
                Handler<std::string> handler) {
  Status fits = check_key(key);
  if (fits) fits = check_condition(condition);
  if (fits && content.size() > limits_.max_bytes) {
    fits = too_large(content.size(), limits_.max_bytes);
  }
  if (!fits) return refuse(StoreOperation::put, handler, fits.error());
  auto admitted = admit(StoreOperation::put, key.folder, std::move(handler));
  if (admitted) {
    do_put(std::move(key), std::move(content), std::move(condition), *std::move(admitted));
  }
}

void Store::put_together(std::string folder, StoreBatch batch, Handler<void> handler) {
  Status fits = check_names(folder, batch);
  if (fits) fits = check_sizes(batch, limits_.max_bytes);
  if (!fits) return refuse(StoreOperation::put_together, handler, fits.error());
  auto admitted = admit(StoreOperation::put_together, folder, std::move(handler));
  if (admitted) do_put_together(std::move(folder), std::move(batch), *std::move(admitted));
}

void Store::remove(EntryKey key, std::string version, Handler<void> handler) {
  if (const Status fits = check_key(key); !fits) {
    return refuse(StoreOperation::remove, handler, fits.error());
  }
  auto admitted = admit(StoreOperation::remove, key.folder, std::move(handler));
  if (admitted) do_remove(std::move(key), std::move(version), *std::move(admitted));
}

void Store::remove_range(RemovalRange range, Handler<void> handler) {
  if (const Status fits = check_range(range); !fits) {
    return refuse(StoreOperation::remove_range, handler, fits.error());
  }
  auto admitted = admit(StoreOperation::remove_range, range.folder, std::move(handler));
  if (admitted) do_remove_range(std::move(range), *std::move(admitted));
}

void Store::list(ListQuery query, Handler<StorePage> handler) {
  if (const Status fits = check_query(query); !fits) {
    return refuse(StoreOperation::list, handler, fits.error());
  }
  query.max_bytes = std::min(query.max_bytes, kMaxPageBytes);
  auto admitted = admit(StoreOperation::list, query.folder, std::move(handler));
  if (admitted) do_list(std::move(query), *std::move(admitted));
}

void Store::announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler) {
  if (!peer::is_enclave_name(who.name)) {
    return refuse(StoreOperation::announce, handler, Error(StoreErrc::bad_name, "announcement"));
  }
  auto admitted = admit(StoreOperation::announce, {}, std::move(handler));
  if (admitted) do_announce(std::move(who), ttl, *std::move(admitted));
}

void Store::withdraw(std::string name, Handler<void> handler) {
  auto admitted = admit(StoreOperation::withdraw, {}, std::move(handler));
  if (admitted) do_withdraw(std::move(name), *std::move(admitted));
}

void Store::custodians(Handler<std::vector<Announcement>> handler) {
  auto admitted = admit(StoreOperation::custodians, {}, std::move(handler));
  if (admitted) do_custodians(*std::move(admitted));
}

}  // namespace concordat::parent
