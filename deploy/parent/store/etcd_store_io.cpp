#include "deploy/parent/store/etcd_store_io.hpp"

#include <charconv>

namespace concordat::parent {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using etcd::KeyValue;
using etcd::RangeReply;
using etcd::Txn;
using etcd::TxnReply;

// Nothing is between a key and the key with this behind it.
constexpr char kNext = '\0';

// "FIRST SECOND" as versions and usages are kept.
std::optional<std::pair<std::string, std::string>> two_words(const KeyValue& kept) {
  const std::string text(base::as_text(kept.value));
  const std::size_t space = text.find(' ');
  if (space == std::string::npos) return {};
  return std::pair(text.substr(0, space), text.substr(space + 1));
}

std::optional<std::uint64_t> to_number(const std::string& text) {
  std::uint64_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return {};
  return out;
}

Error damaged(const KeyValue& kept) {
  return Error(StoreErrc::corrupt, "etcd holds something else under " + kept.key);
}

Result<std::optional<EntryState>> read_state_of(const std::optional<KeyValue>& kept) {
  if (!kept) return std::optional<EntryState>();
  const auto words = two_words(*kept);
  const auto size = words ? to_number(words->second) : std::nullopt;
  if (!size || !is_version(words->first)) return damaged(*kept);
  return std::optional(EntryState{words->first, *size});
}

Result<FolderUsage> read_usage(const std::optional<KeyValue>& kept) {
  if (!kept) return FolderUsage{};
  const auto words = two_words(*kept);
  const auto entries = words ? to_number(words->first) : std::nullopt;
  const auto bytes = words ? to_number(words->second) : std::nullopt;
  if (!entries || !bytes) return damaged(*kept);
  return FolderUsage{*entries, *bytes};
}

Bytes words(const std::string& first, std::uint64_t second) {
  return base::to_bytes(base::as_bytes(first + " " + std::to_string(second)));
}

std::int64_t revision_of(const std::optional<KeyValue>& kept) {
  return kept ? kept->mod_revision : 0;
}

// The part of a key behind its last '/'.
std::string last_part(const std::string& key) {
  return key.substr(key.rfind('/') + 1);
}

}  // namespace

// What a decision is made from.
struct EtcdStore::Seen {
  std::optional<EntryState> entry, behind;
  FolderUsage usage;
  std::int64_t entry_revision = 0, usage_revision = 0, behind_revision = 0;
};

struct EtcdStore::Write {
  EntryKey key;
  std::optional<Bytes> content;  // nullopt: remove
  EntryState wanted;             // what is to be there; for a removal, what is to go
  WriteCondition condition;
  std::optional<NameRange> range;  // of names to remove, in the key's folder
  Handler<std::string> handler;
  std::optional<Seen> seen;
  bool guessed = false;  // `seen` was not read for this write
  int attempts = 0;
};

struct EtcdStore::Announcing {
  Announcement who;
  std::chrono::seconds ttl;
  Handler<void> handler;
  std::int64_t lease = 0;
};

EtcdStore::EtcdStore(EtcdClient client, std::string prefix, const StoreLimits& limits,
                     base::Logger& log)
    : Store(limits, log), client_(std::move(client)), prefix_(std::move(prefix)) {}

std::string EtcdStore::key_of(std::string_view kind, std::string_view folder,
                              std::string_view name) const {
  std::string key = prefix_ + "/" + std::string(kind) + "/" + std::string(folder);
  if (!folder.empty() && kind != "usage") key += "/";
  return key + std::string(name);
}

EtcdClient::Handler EtcdStore::guarded(EtcdClient::Handler handler) {
  return [alive = std::weak_ptr<bool>(alive_),
          handler = std::move(handler)](Result<std::string> body) {
    if (!alive.expired()) handler(std::move(body));
  };
}

void EtcdStore::txn(const Txn& txn, Handler<TxnReply> handler) {
  client_.call(etcd::kTxn, txn_request(txn),
               guarded([shape = shape_of(txn),
                        handler = std::move(handler)](const Result<std::string>& body) {
                 if (!body) return handler(body.error());
                 handler(etcd::parse_txn(*body, shape));
               }));
}

void EtcdStore::range(const std::string& from, const std::string& to, std::size_t limit,
                      Handler<RangeReply> handler) {
  client_.call(etcd::kRange, etcd::range_request(from, to, limit),
               guarded([handler = std::move(handler)](const Result<std::string>& body) {
                 if (!body) return handler(body.error());
                 handler(etcd::parse_range(*body));
               }));
}

void EtcdStore::do_get(EntryKey key, Handler<StoredEntry> handler) {
  Txn read;
  read.reads = {key_of("entries", key.folder, key.name)};
  txn(read, [handler = std::move(handler)](Result<TxnReply> reply) {
    if (!reply) return handler(reply.error());
    auto& found = reply->reads.front();
    if (!found) return handler(StoreErrc::not_found);
    std::string version = version_of(found->value);
    handler(StoredEntry{std::move(found->value), std::move(version)});
  });
}

void EtcdStore::do_put(EntryKey key, Bytes content, WriteCondition condition,
                       Handler<std::string> handler) {
  auto write = std::make_shared<Write>();
  write->key = std::move(key);
  write->wanted = {version_of(content), content.size()};
  write->content = std::move(content);
  write->condition = std::move(condition);
  write->handler = std::move(handler);
  enqueue(std::move(write));
}

void EtcdStore::do_remove(EntryKey key, std::string version, Handler<void> handler) {
  auto write = std::make_shared<Write>();
  write->key = std::move(key);
  write->wanted.version = std::move(version);
  write->handler = [handler = std::move(handler)](const Result<std::string>& done) {
    handler(done ? Status() : Status(done.error()));
  };
  enqueue(std::move(write));
}

void EtcdStore::enqueue(std::shared_ptr<Write> write) {
  auto& queue = queues_[write->key.folder];
  queue.push_back(std::move(write));
  if (queue.size() == 1) begin(queue.front());
}

// For a new entry: that it is not there, the folder's usage as it was last, and for what comes
// behind another that this is what was written last.
std::optional<EtcdStore::Seen> EtcdStore::guess(const Write& write) const {
  const auto found = known_.find(write.key.folder);
  if (!write.content || write.condition.version || found == known_.end()) return {};
  const KnownUsage& known = found->second;
  Seen seen;
  seen.usage = known.usage;
  seen.usage_revision = known.mod_revision;
  if (!write.condition.behind) return seen;
  if (write.condition.behind->name != known.name) return {};
  seen.behind = known.entry;
  seen.behind_revision = known.mod_revision;
  return seen;
}

void EtcdStore::begin(const std::shared_ptr<Write>& write) {
  if (write->range) return read_range_usage(write);
  write->seen = guess(*write);
  write->guessed = write->seen.has_value();
  decide(write);
}

void EtcdStore::finish(const std::shared_ptr<Write>& write, const Result<std::string>& result) {
  const auto queue = queues_.find(write->key.folder);
  queue->second.pop_front();
  std::deque<std::shared_ptr<Write>> failed;
  // Those behind would wait for the same, each as long as this one did.
  if (!result && result.error().is(StoreErrc::unreachable)) failed.swap(queue->second);
  const std::shared_ptr<Write> next = queue->second.empty() ? nullptr : queue->second.front();
  if (next) {
    begin(next);
  } else {
    queues_.erase(queue);
  }
  write->handler(result);
  for (const auto& other : failed)
    other->handler(result);
}

void EtcdStore::decide(const std::shared_ptr<Write>& write) {
  if (!write->seen) return read_state(write);
  const Seen& seen = *write->seen;
  if (!write->content) {
    const auto after = plan_remove(seen.entry, seen.usage, write->wanted.version);
    if (!after) return finish(write, after.error());
    return send(write, *after);
  }
  const auto plan =
      plan_put(seen.entry, seen.behind, seen.usage, write->wanted, write->condition, limits());
  if (!plan && write->guessed) return read_state(write);
  if (!plan) return finish(write, plan.error());
  if (plan->done) return finish(write, write->wanted.version);
  send(write, plan->after);
}

void EtcdStore::read_state(const std::shared_ptr<Write>& write) {
  Txn read;
  read.reads = {key_of("versions", write->key.folder, write->key.name),
                key_of("usage", write->key.folder, {})};
  if (write->condition.behind) {
    read.reads.push_back(key_of("versions", write->key.folder, write->condition.behind->name));
  }
  txn(read, [this, write](const Result<TxnReply>& reply) {
    if (!reply) return finish(write, reply.error());
    take_reads(write, *reply);
  });
}

void EtcdStore::take_reads(const std::shared_ptr<Write>& write, const TxnReply& reply) {
  const auto entry = read_state_of(reply.reads[0]);
  if (!entry) return finish(write, entry.error());
  const auto usage = read_usage(reply.reads[1]);
  if (!usage) return finish(write, usage.error());
  Seen seen{*entry, {}, *usage, revision_of(reply.reads[0]), revision_of(reply.reads[1])};
  if (write->condition.behind) {
    const auto behind = read_state_of(reply.reads[2]);
    if (!behind) return finish(write, behind.error());
    seen.behind = *behind;
    seen.behind_revision = revision_of(reply.reads[2]);
  }
  write->seen = std::move(seen);
  write->guessed = false;
  known_[write->key.folder] = {*usage, write->seen->usage_revision, {}, {}};
  decide(write);
}

void EtcdStore::send(const std::shared_ptr<Write>& write, const FolderUsage& after) {
  if (++write->attempts > kMaxEtcdAttempts) {
    return finish(write, Error(StoreErrc::busy, "others write to the folder all the time"));
  }
  const std::string entry = key_of("entries", write->key.folder, write->key.name);
  const std::string version = key_of("versions", write->key.folder, write->key.name);
  const std::string usage = key_of("usage", write->key.folder, {});
  Txn change;
  change.conditions = {{version, write->seen->entry_revision},
                       {usage, write->seen->usage_revision}};
  change.reads = {version, usage};
  if (write->condition.behind) {
    const std::string behind = key_of("versions", write->key.folder, write->condition.behind->name);
    change.conditions.push_back({behind, write->seen->behind_revision});
    change.reads.push_back(behind);
  }
  change.puts = {{usage, words(std::to_string(after.entries), after.bytes)}};
  if (write->content) {
    change.puts.push_back({entry, *write->content});
    change.puts.push_back({version, words(write->wanted.version, write->wanted.size)});
  } else {
    change.removals = {{entry}, {version}};
  }
  txn(change, [this, write, after](const Result<TxnReply>& reply) {
    if (!reply) return finish(write, reply.error());
    if (!reply->written) return take_reads(write, *reply);
    KnownUsage known{after, reply->revision, {}, {}};
    if (write->content) {
      known.name = write->key.name;
      known.entry = write->wanted;
    }
    known_[write->key.folder] = std::move(known);
    finish(write, write->wanted.version);
  });
}

void EtcdStore::do_remove_range(RemovalRange range, Handler<void> handler) {
  auto write = std::make_shared<Write>();
  write->key.folder = range.folder;
  write->range = range_of(range);
  write->handler = [handler = std::move(handler)](const Result<std::string>& done) {
    handler(done ? Status() : Status(done.error()));
  };
  enqueue(std::move(write));
}

// Usage first: any write to the folder after it changes it, so that the removal is decided again.
void EtcdStore::read_range_usage(const std::shared_ptr<Write>& write) {
  Txn read;
  read.reads = {key_of("usage", write->key.folder, {})};
  txn(read, [this, write](const Result<TxnReply>& usage) {
    if (!usage) return finish(write, usage.error());
    read_range(write, *usage);
  });
}

void EtcdStore::read_range(const std::shared_ptr<Write>& write, const TxnReply& usage) {
  if (++write->attempts > kMaxEtcdAttempts) {
    return finish(write, Error(StoreErrc::busy, "others write to the folder all the time"));
  }
  range(key_of("versions", write->key.folder, write->range->from),
        key_of("versions", write->key.folder, write->range->to), kMaxPageEntries,
        [this, write, usage](const Result<RangeReply>& page) {
          if (!page) return finish(write, page.error());
          if (page->found.empty()) return finish(write, std::string());
          remove_page(write, usage, *page);
        });
}

void EtcdStore::remove_page(const std::shared_ptr<Write>& write, const TxnReply& usage,
                            const RangeReply& page) {
  const auto before = read_usage(usage.reads[0]);
  if (!before) return finish(write, before.error());
  FolderUsage removed;
  for (const KeyValue& kept : page.found) {
    const auto state = read_state_of(kept);
    if (!state) return finish(write, state.error());
    removed = {removed.entries + 1, removed.bytes + (*state)->size};
  }
  const FolderUsage after = without(*before, removed);
  const std::string from = last_part(page.found.front().key), to = last_part(page.found.back().key);
  const std::string usage_key = key_of("usage", write->key.folder, {});
  Txn change;
  change.conditions = {{usage_key, revision_of(usage.reads[0])}};
  change.reads = {usage_key};
  change.puts = {{usage_key, words(std::to_string(after.entries), after.bytes)}};
  for (const char* kind : {"entries", "versions"}) {
    change.removals.push_back(
        {key_of(kind, write->key.folder, from), key_of(kind, write->key.folder, to) + kNext});
  }
  txn(change, [this, write, after, more = page.more](const Result<TxnReply>& reply) {
    if (!reply) return finish(write, reply.error());
    if (!reply->written) return read_range(write, *reply);
    known_[write->key.folder] = {after, reply->revision, {}, {}};
    write->attempts = 0;
    if (more) return read_range_usage(write);
    finish(write, std::string());
  });
}

void EtcdStore::do_list(ListQuery query, Handler<StorePage> handler) {
  const NameRange names = range_of(query);
  range(key_of("versions", query.folder, names.from), key_of("versions", query.folder, names.to),
        kMaxPageEntries,
        [this, query, handler = std::move(handler)](const Result<RangeReply>& versions) mutable {
          if (!versions) return handler(versions.error());
          read_page(query, *versions, std::move(handler));
        });
}

// The contents of as many as the page takes.
void EtcdStore::read_page(const ListQuery& query, const RangeReply& versions,
                          Handler<StorePage> handler) {
  std::size_t bytes = 0, taken = 0;
  for (const KeyValue& kept : versions.found) {
    const auto state = read_state_of(kept);
    if (!state) return handler(state.error());
    const std::size_t size = (*state)->size;
    if (!page_takes(query, taken, bytes, size)) break;
    bytes += size;
    ++taken;
  }
  if (taken == 0) return handler(StorePage{});
  const bool more = versions.more || taken < versions.found.size();
  const std::string first = last_part(versions.found.front().key);
  const std::string last = last_part(versions.found[taken - 1].key);
  range(key_of("entries", query.folder, first), key_of("entries", query.folder, last) + kNext,
        taken, [more, handler = std::move(handler)](Result<RangeReply> contents) {
          if (!contents) return handler(contents.error());
          StorePage page;
          page.more = more || contents->more;
          for (KeyValue& kept : contents->found)
            page.entries.push_back({last_part(kept.key), std::move(kept.value)});
          handler(std::move(page));
        });
}

void EtcdStore::do_announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler) {
  const auto announcing =
      std::make_shared<Announcing>(Announcing{std::move(who), ttl, std::move(handler)});
  const auto lease = leases_.find(announcing->who.name);
  if (lease == leases_.end()) return grant_lease(announcing);
  announcing->lease = lease->second;
  renew_lease(announcing);
}

// A lease that ended is another one from here on.
void EtcdStore::renew_lease(const std::shared_ptr<Announcing>& announcing) {
  client_.call(etcd::kLeaseKeepAlive, etcd::lease_request(announcing->lease),
               guarded([this, announcing](const Result<std::string>& body) {
                 if (!body) return announcing->handler(body.error());
                 const auto lease = etcd::parse_lease_keep_alive(*body);
                 if (!lease) return announcing->handler(lease.error());
                 if (lease->ttl <= 0) return grant_lease(announcing);
                 read_announced(announcing);
               }));
}

void EtcdStore::grant_lease(const std::shared_ptr<Announcing>& announcing) {
  client_.call(etcd::kLeaseGrant, etcd::lease_grant_request(announcing->ttl),
               guarded([this, announcing](const Result<std::string>& body) {
                 if (!body) return announcing->handler(body.error());
                 const auto lease = etcd::parse_lease_grant(*body);
                 if (!lease) return announcing->handler(lease.error());
                 announcing->lease = leases_[announcing->who.name] = lease->id;
                 read_announced(announcing);
               }));
}

void EtcdStore::read_announced(const std::shared_ptr<Announcing>& announcing) {
  Txn read;
  read.reads = {key_of("custodians", {}, announcing->who.name)};
  txn(read, [this, announcing](const Result<TxnReply>& reply) {
    if (!reply) return announcing->handler(reply.error());
    write_announced(announcing, reply->reads.front());
  });
}

void EtcdStore::write_announced(const std::shared_ptr<Announcing>& announcing,
                                const std::optional<KeyValue>& there) {
  const Announcement& who = announcing->who;
  const bool same = there && base::as_text(there->value) == who.address;
  if (there && !same) return announcing->handler(Error(StoreErrc::name_taken, who.name));
  if (same && there->lease == announcing->lease) return announcing->handler({});
  const std::string key = key_of("custodians", {}, who.name);
  Txn change;
  change.conditions = {{key, revision_of(there)}};
  change.puts = {{key, base::to_bytes(base::as_bytes(who.address)), announcing->lease}};
  txn(change, [announcing](const Result<TxnReply>& reply) {
    if (!reply) return announcing->handler(reply.error());
    if (reply->written) return announcing->handler({});
    announcing->handler(Error(StoreErrc::name_taken, announcing->who.name));
  });
}

void EtcdStore::do_withdraw(std::string name, Handler<void> handler) {
  const auto lease = leases_.extract(name);
  if (lease.empty()) return handler({});
  client_.call(etcd::kLeaseRevoke, etcd::lease_request(lease.mapped()),
               guarded([handler = std::move(handler)](const Result<std::string>& body) {
                 handler(body ? Status() : Status(body.error()));
               }));
}

void EtcdStore::do_custodians(Handler<std::vector<Announcement>> handler) {
  const std::string from = key_of("custodians", {}, {});
  range(from, from + '\x7f', kMaxCustodians,
        [handler = std::move(handler)](const Result<RangeReply>& found) {
          if (!found) return handler(found.error());
          std::vector<Announcement> out;
          for (const KeyValue& kept : found->found)
            out.push_back({last_part(kept.key), std::string(base::as_text(kept.value))});
          handler(std::move(out));
        });
}

}  // namespace concordat::parent
