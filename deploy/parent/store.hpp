// The parent's store: sealed blobs by folder and name for enclaves that have no disk, and where
// custodians are to be found. The parent can read none of it and may lose or roll it back; what it
// promises an honest operator is said here and shown for every engine by tests/parent's one
// conformance test:
//
//   - A write is whole or not at all, and on disk (of a majority, for etcd) when it is
//   acknowledged.
//   - Of two writers who saw the same version one wins; the other is told `version_differs` and
//     which version is there.
//   - A write may besides depend on another entry of its folder, which must be there in the version
//     that is named (`predecessor_missing`): so that a log grows at one end.
//   - Several entries of a folder may be written together: all of them or, whatever happens, none.
//   - A version is the SHA-256 of the content. A put of what is there already is done, whatever its
//     condition says: so a put whose answer was lost can simply be repeated. A remove that was
//     repeated finds nothing (`not_found`), which is what it wanted.
//   - A list gives names in ascending order of their bytes, with contents, in pages that are
//   bounded
//     in bytes and number; each page is from one moment, two pages may be from two.
//   - Limits: an entry's size (`too_large`), a folder's entries and bytes (`folder_full`), the disk
//     (`full`), waiting requests of a folder (`busy`). What stands already can be read, removed and
//     replaced by what is no larger while its folder is full.
//   - A store that cannot be reached is `unreachable`, as long as it lasts. A request that ended so
//     may have been carried out.
//
// Handlers run once, at once or later, on the thread of the store's event loop, which makes all the
// calls. A store that is destroyed drops the handlers of requests under way.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"
#include "deploy/parent/store/limits.hpp"
#include "keyservice/store_batch.hpp"

namespace concordat::base {
class Logger;
}

namespace concordat::parent {

enum class StoreErrc {
  bad_name = 1,
  not_found,
  version_differs,
  predecessor_missing,
  condition_missing,
  too_large,
  folder_full,
  full,
  busy,
  unreachable,
  name_taken,
  in_use,
  foreign,
  corrupt,
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
[[nodiscard]] bool is_version(std::string_view text) noexcept;

// 1 to 100 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit.
[[nodiscard]] bool is_entry_name(std::string_view name) noexcept;

struct EntryKey {
  std::string folder, name;
};

// What must be there for a write to happen.
struct WriteCondition {
  std::optional<std::string> version;  // exactly this one; nullopt: nothing
  // Another entry of the folder, in this version.
  struct Predecessor {
    std::string name, version;
  };
  std::optional<Predecessor> behind{};
};

// Names that begin with `prefix`, which may be empty, and come before `before`.
struct RemovalRange {
  std::string folder, prefix, before;
};

struct StoredEntry {
  base::Bytes content;
  std::string version;
};

struct ListQuery {
  std::string folder;
  std::string prefix;                     // of names; may be empty
  std::string after;                      // only names behind this one; may be empty
  std::size_t max_bytes = kMaxPageBytes;  // of contents; at least one entry is given all the same
};

using keyservice::StoreBatch;
using keyservice::StorePage;

// Where the parent of an enclave can be dialled.
struct Announcement {
  std::string name;     // of the enclave
  std::string address;  // as peer::parse_endpoint reads it
  friend bool operator==(const Announcement&, const Announcement&) = default;
};

enum class StoreOperation {
  get,
  put,
  put_together,
  remove,
  remove_range,
  list,
  announce,
  withdraw,
  custodians
};
[[nodiscard]] std::string_view name_of(StoreOperation operation) noexcept;

class Store {
 public:
  template <class T>
  using Handler = std::function<void(base::Result<T>)>;
  // Requests answered, by operation and "ok" or the error's name.
  using Counters = std::map<std::pair<StoreOperation, std::string>, std::uint64_t>;

  Store(StoreLimits limits, base::Logger& log) : limits_(limits), log_(log) {}
  virtual ~Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  void get(EntryKey key, Handler<StoredEntry> handler);
  // The version written.
  void put(EntryKey key, base::Bytes content, WriteCondition condition,
           Handler<std::string> handler);
  // Each put as by itself, and those that are done already passed over; of several, an error names
  // the entry.
  void put_together(std::string folder, StoreBatch batch, Handler<void> handler);
  void remove(EntryKey key, std::string version, Handler<void> handler);
  // Whatever versions they have; that there are none is no error. By etcd in steps, each of which
  // is whole.
  void remove_range(RemovalRange range, Handler<void> handler);
  void list(ListQuery query, Handler<StorePage> handler);

  // Lists `who` for `ttl` from now; to be repeated well before that is over. `name_taken` while the
  // name is announced with another address.
  void announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler);
  void withdraw(std::string name, Handler<void> handler);
  // Those whose time is not over, by name.
  void custodians(Handler<std::vector<Announcement>> handler);

  [[nodiscard]] virtual std::string_view engine() const noexcept = 0;
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  // Why the store does not serve as it should; nullopt: it does. Every change is logged.
  [[nodiscard]] const std::optional<base::Error>& trouble() const noexcept { return trouble_; }

 protected:
  [[nodiscard]] const StoreLimits& limits() const noexcept { return limits_; }

 private:
  // Names, sizes and the number of those who wait are checked already.
  virtual void do_get(EntryKey key, Handler<StoredEntry> handler) = 0;
  virtual void do_put(EntryKey key, base::Bytes content, WriteCondition condition,
                      Handler<std::string> handler) = 0;
  virtual void do_put_together(std::string folder, StoreBatch batch, Handler<void> handler) = 0;
  virtual void do_remove(EntryKey key, std::string version, Handler<void> handler) = 0;
  virtual void do_remove_range(RemovalRange range, Handler<void> handler) = 0;
  virtual void do_list(ListQuery query, Handler<StorePage> handler) = 0;
  virtual void do_announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler) = 0;
  virtual void do_withdraw(std::string name, Handler<void> handler) = 0;
  virtual void do_custodians(Handler<std::vector<Announcement>> handler) = 0;

  // `handler`, with the count of those who wait and the books kept around it.
  template <class T>
  [[nodiscard]] base::Result<Handler<T>> admit(StoreOperation operation, const std::string& folder,
                                               Handler<T> handler);
  // Answers with a request's own fault.
  template <class T>
  void refuse(StoreOperation operation, const Handler<T>& handler, base::Error why);
  // Error(): there was none.
  void note(StoreOperation operation, const base::Error& failure);
  void watch(StoreOperation operation, const base::Error& failure);

  StoreLimits limits_;
  base::Logger& log_;
  std::map<std::string, std::size_t> pending_;
  Counters counters_;
  std::optional<base::Error> trouble_;
};

}  // namespace concordat::parent
