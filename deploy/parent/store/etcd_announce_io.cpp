// Discovery in etcd: each custodian's address under a lease of whoever announces it.
#include "deploy/parent/store/etcd_store_io.hpp"

namespace concordat::parent {

using base::Error;
using base::Result;
using base::Status;
using etcd::KeyValue;
using etcd::RangeReply;
using etcd::Txn;
using etcd::TxnReply;

struct EtcdStore::Announcing {
  Announcement who;
  std::chrono::seconds ttl;
  Handler<void> handler;
  std::int64_t lease = 0;
};

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
  change.conditions = {{key, etcd::revision_of(there)}};
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
            out.push_back({etcd::last_part(kept.key), std::string(base::as_text(kept.value))});
          handler(std::move(out));
        });
}

}  // namespace concordat::parent
