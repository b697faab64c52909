// The store of several instances: etcd 3.4 or later, by its JSON gateway. Under the prefix of the
// configuration:
//
//   PREFIX/entries/FOLDER/NAME     the content
//   PREFIX/versions/FOLDER/NAME    "SHA256 SIZE" of it, changed in the same transaction: a list
//                                  knows from these how many contents a page takes
//   PREFIX/usage/FOLDER            "ENTRIES BYTES", likewise
//   PREFIX/custodians/NAME         an address, under a lease of its announcer
//
// A write compares the modification revisions of version and usage with those that its decision was
// made from, and decides again when somebody was faster. Writes of one folder go out one after the
// other, so that those of one parent never race each other; what is put together is one
// transaction. A write whose answer was lost and that is sent again finds its own version there: it
// is done. What anybody else writes under the prefix is his to answer for: no enclave believes any
// of it.
#pragma once

#include <deque>

#include "deploy/parent/store/etcd_client_io.hpp"
#include "deploy/parent/store/etcd_messages.hpp"
#include "deploy/parent/store/rules.hpp"

namespace concordat::parent {

class EtcdStore final : public Store {
 public:
  EtcdStore(EtcdClient client, std::string prefix, const StoreLimits& limits, base::Logger& log);

  [[nodiscard]] std::string_view engine() const noexcept override { return "etcd"; }

 private:
  struct Seen;
  struct Write;
  struct Announcing;

  void do_get(EntryKey key, Handler<StoredEntry> handler) override;
  void do_put(EntryKey key, base::Bytes content, WriteCondition condition,
              Handler<std::string> handler) override;
  void do_put_together(std::string folder, StoreBatch batch, Handler<void> handler) override;
  void do_remove(EntryKey key, std::string version, Handler<void> handler) override;
  void do_remove_range(RemovalRange range, Handler<void> handler) override;
  void do_list(ListQuery query, Handler<StorePage> handler) override;
  void do_announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler) override;
  void do_withdraw(std::string name, Handler<void> handler) override;
  void do_custodians(Handler<std::vector<Announcement>> handler) override;

  // `handler` unless the store has ended meanwhile.
  [[nodiscard]] EtcdClient::Handler guarded(EtcdClient::Handler handler);
  void txn(const etcd::Txn& txn, Handler<etcd::TxnReply> handler);
  void range(const std::string& from, const std::string& to, std::size_t limit,
             Handler<etcd::RangeReply> handler);

  void enqueue(std::shared_ptr<Write> write);
  [[nodiscard]] std::optional<Seen> guess(const Write& write) const;
  void begin(const std::shared_ptr<Write>& write);
  void finish(const std::shared_ptr<Write>& write, const base::Status& result);
  void decide(const std::shared_ptr<Write>& write);
  [[nodiscard]] std::vector<std::string> seen_keys(const Write& write) const;
  void read_state(const std::shared_ptr<Write>& write);
  // A removal of many goes page by page.
  void read_range_usage(const std::shared_ptr<Write>& write);
  void read_range(const std::shared_ptr<Write>& write, const etcd::TxnReply& usage);
  void remove_page(const std::shared_ptr<Write>& write, const etcd::TxnReply& usage,
                   const etcd::RangeReply& page);
  void send(const std::shared_ptr<Write>& write, const BatchPlan& plan);
  void take_reads(const std::shared_ptr<Write>& write, const etcd::TxnReply& reply);
  void read_page(const ListQuery& query, const etcd::RangeReply& versions,
                 Handler<StorePage> handler);
  void renew_lease(const std::shared_ptr<Announcing>& announcing);
  void grant_lease(const std::shared_ptr<Announcing>& announcing);
  void read_announced(const std::shared_ptr<Announcing>& announcing);
  void write_announced(const std::shared_ptr<Announcing>& announcing,
                       const std::optional<etcd::KeyValue>& there);

  [[nodiscard]] std::string key_of(std::string_view kind, std::string_view folder,
                                   std::string_view name) const;

  EtcdClient client_;
  std::string prefix_;
  // What a folder was like when it was last seen or written: a guess that saves a write a round
  // trip. Its transaction depends on all of it.
  struct KnownFolder {
    struct Entry {
      EntryState state;
      std::int64_t revision = 0;
    };
    void keep(const std::string& name, const std::optional<EntryState>& state,
              std::int64_t revision);
    FolderUsage usage;
    std::int64_t usage_revision = 0;
    std::map<std::string, Entry> entries;  // some that are there
  };
  std::map<std::string, KnownFolder> known_;
  std::map<std::string, std::deque<std::shared_ptr<Write>>>
      queues_;                                  // by folder; the first is sent
  std::map<std::string, std::int64_t> leases_;  // by announced name
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::parent
