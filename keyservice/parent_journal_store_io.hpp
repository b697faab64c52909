// The journal's store in the parent: each record an entry of the enclave's own folder.
#pragma once

#include "keyservice/journal/store.hpp"
#include "keyservice/parent_http_io.hpp"
#include "keyservice/parent_store.hpp"

namespace concordat::keyservice {

class ParentJournalStore final : public journal::Store {
 public:
  // `io` outlives the store; its thread makes the calls and gets the answers. `timeout` is for
  // each.
  ParentJournalStore(boost::asio::io_context& io, peer::Endpoint relay,
                     std::chrono::milliseconds timeout)
      : io_(io), relay_(std::move(relay)), timeout_(timeout) {}

  void create(const std::string& name, const std::optional<journal::Predecessor>& after,
              base::Bytes value, Done done) override;
  void read(const std::string& prefix, const std::string& after, std::size_t max_bytes,
            OnRecords done) override;
  void remove(const std::string& prefix, const std::string& before, Done done) override;

 private:
  boost::asio::io_context& io_;
  peer::Endpoint relay_;
  std::chrono::milliseconds timeout_;
};

}  // namespace concordat::keyservice
