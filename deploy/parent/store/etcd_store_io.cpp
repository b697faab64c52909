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

}  // namespace

// What a decision is made from; entries and their revisions in the order of the write's puts.
struct EtcdStore::Seen {
  std::vector<std::optional<EntryState>> entries;
  std::vector<std::int64_t> revisions;
  std::optional<EntryState> behind;
  FolderUsage usage;
  std::int64_t usage_revision = 0, behind_revision = 0;
};

struct EtcdStore::Write {
  std::string folder;
  StoreBatch batch;
  bool is_removal = false;         // of the batch's one entry in the version expected
  std::vector<EntryState> wanted;  // of each put
  std::optional<NameRange> range;  // of names to remove
  Handler<void> handler;
  std::optional<Seen> seen;
  bool guessed = false;  // `seen` was not read for this write
  int attempts = 0;
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
  StoreBatch batch;
  if (condition.behind) batch.behind = {condition.behind->name, condition.behind->version};
  batch.puts.push_back({std::move(key.name), std::move(condition.version), std::move(content)});
  const std::string version = version_of(batch.puts.front().content);
  do_put_together(std::move(key.folder), std::move(batch),
                  [version, handler = std::move(handler)](const Status& done) {
                    handler(done ? Result<std::string>(version) : done.error());
                  });
}

void EtcdStore::do_put_together(std::string folder, StoreBatch batch, Handler<void> handler) {
  auto write = std::make_shared<Write>();
  write->folder = std::move(folder);
  write->wanted = states_of(batch);
  write->batch = std::move(batch);
  write->handler = std::move(handler);
  enqueue(std::move(write));
}

void EtcdStore::do_remove(EntryKey key, std::string version, Handler<void> handler) {
  auto write = std::make_shared<Write>();
  write->folder = std::move(key.folder);
  write->batch.puts.push_back({std::move(key.name), std::move(version), {}});
  write->is_removal = true;
  write->handler = std::move(handler);
  enqueue(std::move(write));
}

void EtcdStore::enqueue(std::shared_ptr<Write> write) {
  auto& queue = queues_[write->folder];
  queue.push_back(write);
  if (queue.size() == 1) begin(write);
}

// The folder's usage and its entries as they were last, and that what is to be new is not there.
std::optional<EtcdStore::Seen> EtcdStore::guess(const Write& write) const {
  const auto found = known_.find(write.folder);
  if (write.is_removal || found == known_.end()) return {};
  const KnownFolder& known = found->second;
  Seen seen;
  seen.usage = known.usage;
  seen.usage_revision = known.usage_revision;
  for (const StoreBatch::Put& put : write.batch.puts) {
    const auto entry = known.entries.find(put.name);
    const bool is_known = entry != known.entries.end();
    if (!is_known && put.expected) return {};
    seen.entries.push_back(is_known ? std::optional(entry->second.state) : std::nullopt);
    seen.revisions.push_back(is_known ? entry->second.revision : 0);
  }
  if (!write.batch.behind) return seen;
  const auto behind = known.entries.find(write.batch.behind->name);
  if (behind == known.entries.end()) return {};
  seen.behind = behind->second.state;
  seen.behind_revision = behind->second.revision;
  return seen;
}

void EtcdStore::KnownFolder::keep(const std::string& name, const std::optional<EntryState>& state,
                                  std::int64_t revision) {
  entries.erase(name);
  if (!state) return;
  if (entries.size() >= kMaxKnownEntries) entries.clear();
  entries.emplace(name, Entry{*state, revision});
}

void EtcdStore::begin(const std::shared_ptr<Write>& write) {
  if (write->range) return read_range_usage(write);
  write->seen = guess(*write);
  write->guessed = write->seen.has_value();
  decide(write);
}

void EtcdStore::finish(const std::shared_ptr<Write>& write, const Status& result) {
  const auto queue = queues_.find(write->folder);
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
  if (write->is_removal) {
    const auto after =
        plan_remove(seen.entries.front(), seen.usage, *write->batch.puts.front().expected);
    if (!after) return finish(write, after.error());
    return send(write, {{0}, *after});
  }
  const auto plan =
      plan_batch(write->batch, write->wanted, seen.entries, seen.behind, seen.usage, limits());
  // What is remembered is good for a transaction that depends on it, not for an answer.
  if (write->guessed && (!plan || plan->writes.empty())) return read_state(write);
  if (!plan) return finish(write, plan.error());
  if (plan->writes.empty()) return finish(write, {});
  send(write, *plan);
}

// Keys of what a decision is made from, in the order in which take_reads takes them.
std::vector<std::string> EtcdStore::seen_keys(const Write& write) const {
  std::vector<std::string> keys{key_of("usage", write.folder, {})};
  for (const StoreBatch::Put& put : write.batch.puts)
    keys.push_back(key_of("versions", write.folder, put.name));
  if (write.batch.behind) {
    keys.push_back(key_of("versions", write.folder, write.batch.behind->name));
  }
  return keys;
}

void EtcdStore::read_state(const std::shared_ptr<Write>& write) {
  Txn read;
  read.reads = seen_keys(*write);
  txn(read, [this, write](const Result<TxnReply>& reply) {
    if (!reply) return finish(write, reply.error());
    take_reads(write, *reply);
  });
}

void EtcdStore::take_reads(const std::shared_ptr<Write>& write, const TxnReply& reply) {
  const auto usage = read_usage(reply.reads[0]);
  if (!usage) return finish(write, usage.error());
  Seen seen;
  seen.usage = *usage;
  seen.usage_revision = etcd::revision_of(reply.reads[0]);
  KnownFolder& known = known_[write->folder];
  known.usage = seen.usage;
  known.usage_revision = seen.usage_revision;
  for (std::size_t i = 0; i < write->batch.puts.size(); ++i) {
    const auto& read = reply.reads[i + 1];
    const auto state = read_state_of(read);
    if (!state) return finish(write, state.error());
    seen.entries.push_back(*state);
    seen.revisions.push_back(etcd::revision_of(read));
    known.keep(write->batch.puts[i].name, *state, etcd::revision_of(read));
  }
  if (write->batch.behind) {
    const auto behind = read_state_of(reply.reads.back());
    if (!behind) return finish(write, behind.error());
    seen.behind = *behind;
    seen.behind_revision = etcd::revision_of(reply.reads.back());
    known.keep(write->batch.behind->name, *behind, seen.behind_revision);
  }
  write->seen = std::move(seen);
  write->guessed = false;
  decide(write);
}

void EtcdStore::send(const std::shared_ptr<Write>& write, const BatchPlan& plan) {
  if (++write->attempts > kMaxEtcdAttempts) {
    return finish(write, Error(StoreErrc::busy, "others write to the folder all the time"));
  }
  const Seen& seen = *write->seen;
  Txn change;
  change.reads = seen_keys(*write);
  change.conditions = {{change.reads.front(), seen.usage_revision}};
  for (std::size_t i = 0; i < seen.revisions.size(); ++i)
    change.conditions.push_back({change.reads[i + 1], seen.revisions[i]});
  if (write->batch.behind) {
    change.conditions.push_back({change.reads.back(), seen.behind_revision});
  }
  change.puts = {
      {change.reads.front(), words(std::to_string(plan.after.entries), plan.after.bytes)}};
  for (const std::size_t i : plan.writes) {
    const StoreBatch::Put& put = write->batch.puts[i];
    const std::string entry = key_of("entries", write->folder, put.name);
    const std::string& version = change.reads[i + 1];
    if (write->is_removal) {
      change.removals = {{entry}, {version}};
      continue;
    }
    change.puts.push_back({entry, put.content});
    change.puts.push_back({version, words(write->wanted[i].version, write->wanted[i].size)});
  }
  txn(change, [this, write, plan](const Result<TxnReply>& reply) {
    if (!reply) return finish(write, reply.error());
    if (!reply->written) return take_reads(write, *reply);
    KnownFolder& known = known_[write->folder];
    known.usage = plan.after;
    known.usage_revision = reply->revision;
    for (const std::size_t i : plan.writes) {
      const auto now = write->is_removal ? std::nullopt : std::optional(write->wanted[i]);
      known.keep(write->batch.puts[i].name, now, reply->revision);
    }
    finish(write, {});
  });
}

void EtcdStore::do_remove_range(RemovalRange range, Handler<void> handler) {
  auto write = std::make_shared<Write>();
  write->folder = range.folder;
  write->range = range_of(range);
  write->handler = std::move(handler);
  enqueue(std::move(write));
}

// Usage first: any write to the folder after it changes it, so that the removal is decided again.
void EtcdStore::read_range_usage(const std::shared_ptr<Write>& write) {
  Txn read;
  read.reads = {key_of("usage", write->folder, {})};
  txn(read, [this, write](const Result<TxnReply>& usage) {
    if (!usage) return finish(write, usage.error());
    read_range(write, *usage);
  });
}

void EtcdStore::read_range(const std::shared_ptr<Write>& write, const TxnReply& usage) {
  if (++write->attempts > kMaxEtcdAttempts) {
    return finish(write, Error(StoreErrc::busy, "others write to the folder all the time"));
  }
  range(key_of("versions", write->folder, write->range->from),
        key_of("versions", write->folder, write->range->to), kMaxPageEntries,
        [this, write, usage](const Result<RangeReply>& page) {
          if (!page) return finish(write, page.error());
          if (page->found.empty()) return finish(write, {});
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
  const std::string from = etcd::last_part(page.found.front().key);
  const std::string to = etcd::last_part(page.found.back().key);
  const std::string usage_key = key_of("usage", write->folder, {});
  Txn change;
  change.conditions = {{usage_key, etcd::revision_of(usage.reads[0])}};
  change.reads = {usage_key};
  change.puts = {{usage_key, words(std::to_string(after.entries), after.bytes)}};
  for (const char* kind : {"entries", "versions"}) {
    change.removals.push_back(
        {key_of(kind, write->folder, from), key_of(kind, write->folder, to) + kNext});
  }
  txn(change, [this, write, after, more = page.more](const Result<TxnReply>& reply) {
    if (!reply) return finish(write, reply.error());
    if (!reply->written) return read_range(write, *reply);
    KnownFolder& known = known_[write->folder];
    known.usage = after;
    known.usage_revision = reply->revision;
    known.entries.erase(known.entries.lower_bound(write->range->from),
                        known.entries.lower_bound(write->range->to));
    write->attempts = 0;
    if (more) return read_range_usage(write);
    finish(write, {});
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
  const std::string first = etcd::last_part(versions.found.front().key);
  const std::string last = etcd::last_part(versions.found[taken - 1].key);
  range(key_of("entries", query.folder, first), key_of("entries", query.folder, last) + kNext,
        taken, [more, handler = std::move(handler)](Result<RangeReply> contents) {
          if (!contents) return handler(contents.error());
          StorePage page;
          page.more = more || contents->more;
          for (KeyValue& kept : contents->found)
            page.entries.push_back({etcd::last_part(kept.key), std::move(kept.value)});
          handler(std::move(page));
        });
}

}  // namespace concordat::parent
