#include "keyservice/parent_journal_store_io.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;
using base::Status;

// What is no refusal leaves it open whether a write happened.
journal::Errc code_of(const Error& error) {
  if (error.is(ParentStoreErrc::conflict)) return journal::Errc::position_taken;
  if (error.is(ParentStoreErrc::predecessor_missing)) return journal::Errc::predecessor_missing;
  if (error.is(ParentStoreErrc::full)) return journal::Errc::store_full;
  if (error.is(ParentStoreErrc::malformed)) return journal::Errc::store_inconsistent;
  return journal::Errc::unreachable;
}

Error of_journal(const Error& error) {
  return Error(code_of(error), error.to_string());
}

ParentReply on_write(journal::Store::Done done) {
  return [done = std::move(done)](const Result<HttpReply>& reply) {
    const Status written = reply ? read_store_write(*reply) : Status(reply.error());
    done(written ? Status() : Status(of_journal(written.error())));
  };
}

}  // namespace

void ParentJournalStore::create(const std::string& name,
                                const std::optional<journal::Predecessor>& after, base::Bytes value,
                                Done done) {
  std::optional<StorePredecessor> behind;
  if (after) behind = StorePredecessor{after->name, after->hash.hex()};
  async_parent_call(io_, relay_, store_put(name, value, std::nullopt, behind), timeout_,
                    on_write(std::move(done)));
}

void ParentJournalStore::read(const std::string& prefix, const std::string& after,
                              std::size_t max_bytes, OnRecords done) {
  async_parent_call(
      io_, relay_, store_list(prefix, after, max_bytes), timeout_,
      [done = std::move(done)](const Result<HttpReply>& reply) {
        auto page = reply ? read_store_list(*reply) : Result<StorePage>(reply.error());
        if (!page) return done(of_journal(page.error()));
        journal::Records records;
        records.more = page->more;
        for (StorePage::Entry& entry : page->entries)
          records.records.push_back({std::move(entry.name), std::move(entry.content)});
        done(std::move(records));
      });
}

void ParentJournalStore::remove(const std::string& prefix, const std::string& before, Done done) {
  async_parent_call(io_, relay_, store_remove_range(prefix, before), timeout_,
                    on_write(std::move(done)));
}

}  // namespace concordat::keyservice
