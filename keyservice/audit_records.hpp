// The audit log's files as records of the parent's store, in the custodian's own folder:
//
//   audit.<custodian>.<file, each '/' a '_'>    audit.custodian-1.tile_entries_x001_234.p_17
//   ... -1, -2                                  what comes after a record that is full
//   audit.<custodian>.writer                    the boot that has the log
//
// A boot claims the log by replacing `writer`, and every file that it writes depends on that record
// being there as it left it: what an earlier boot still sends is refused by the store. A batch is
// one call and one transaction (store_batch.hpp). What is too much for one is written in several,
// the last of which has the checkpoint and begins when the others are acknowledged; what a batch
// that ended between them left is replaced. No I/O: the exchanges are somebody else's.
#pragma once

#include <functional>
#include <optional>

#include "keyservice/audit/store.hpp"
#include "keyservice/http_message.hpp"
#include "keyservice/journal/lifetime.hpp"

namespace concordat::keyservice {

// Everything of one custodian's log begins with it.
[[nodiscard]] std::string audit_record_prefix(std::string_view custodian);
[[nodiscard]] std::string audit_record_name(std::string_view custodian, std::string_view file,
                                            std::size_t part = 0);
// Of which file of the log the record is the beginning; nullopt: of none, or a later part.
[[nodiscard]] std::optional<std::string> audit_file_in(std::string_view custodian,
                                                       std::string_view record);

// For one boot: what it still had under way ends with this.
class AuditRecords final : public audit::Store {
 public:
  // One call of the parent's store. `done` runs once, at once or later.
  using OnReply = std::function<void(base::Result<HttpReply>)>;
  using Exchange = std::function<void(HttpRequest request, OnReply done)>;

  // `custodian`: at most 11 of what names in the store are made of: with an evidence's name, of 76,
  // that fits one of 100 (store_page.hpp).
  AuditRecords(Exchange exchange, std::string custodian)
      : exchange_(std::move(exchange)), custodian_(std::move(custodian)) {}

  void claim(const audit::BootId& writer, Done done) override;
  void write(audit::FilesPtr files, Done done) override;
  void remove(const std::string& prefix, Done done) override;
  void read(const std::string& name, OnContent done) override;

 private:
  // How many calls are under way at once: an honest store writes them with one sync.
  static constexpr std::size_t kAtOnce = 8;
  // How often a batch is offered that meets records which are not as it expects.
  static constexpr unsigned kMaxTries = 3;

  struct Writing;
  struct Reading;
  using WritingPtr = std::shared_ptr<Writing>;
  using ReadingPtr = std::shared_ptr<Reading>;

  template <class Body, class Wanting>
  void exchange(HttpRequest request, Body body, Wanting wanting);
  void look_at_writer(base::Bytes writer, Done done, unsigned tries);
  [[nodiscard]] std::string checkpoint_name() const;
  void next_batches(const WritingPtr& writing);
  void put(const WritingPtr& writing, std::size_t batch, unsigned tries);
  void look_at(const WritingPtr& writing, std::size_t batch, std::size_t record, unsigned tries);
  void on_put(const WritingPtr& writing, std::size_t batch, const base::Status& outcome);
  void read_part(const ReadingPtr& reading);

  Exchange exchange_;
  std::string custodian_;
  std::string writer_version_;  // as claimed; empty before
  // Of the checkpoint, the one file that is replaced all the time.
  std::optional<std::string> checkpoint_version_;
  journal::Lifetime lifetime_;
};

}  // namespace concordat::keyservice
