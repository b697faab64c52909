// A custodian that serves operators and keeps its audit log in memory, and an auditor of it.
#pragma once

#include "keyservice/audit_keeper_io.hpp"
#include "tests/audit/log_fixture.hpp"
#include "tests/keyservice/custodian_operators_fixture.hpp"

namespace concordat::keyservice {

using audit::Kind;
using base::SecretAccess;
using test::MemoryLogStore;

class CustodianAuditTest : public CustodianOperatorsTest {
 protected:
  CustodianAuditTest() { recorder_ = &keeper_.trail(); }

  void start_audited() {
    start_administered();
    keeper_.on_open([this] { custodian_->audit_opened(); });
    keeper_.start();
  }
  void start_open() {
    start_audited();
    run_until([&] { return keeper_.trail().is_open(); });
  }
  std::uint64_t send(const std::shared_ptr<Channel>& channel, const RequestBody& body) {
    const base::SecretBytes request = encode(++id_, body);
    EXPECT_TRUE(channel->stream->send(request.expose(SecretAccess{})));
    return id_;
  }
  ResponseBody answer(const std::shared_ptr<Channel>& channel,
                      std::optional<policy::Operation> operation) {
    run_until([&] { return !channel->records.empty() || channel->ended; });
    if (channel->records.empty()) throw std::runtime_error(channel->ended->error().to_string());
    auto response = decode_response(channel->records.front(), operation).value();
    channel->records.erase(channel->records.begin());
    return std::move(response.body);
  }
  // "ok", or the code that it was refused by.
  std::string ask(const std::shared_ptr<Channel>& channel, const RequestBody& body) {
    send(channel, body);
    const ResponseBody answered = answer(channel, operation_of(body));
    const auto* const failure = std::get_if<Failure>(&answered);
    return failure != nullptr ? failure->code : "ok";
  }
  using CustodianOperatorsTest::ask;

  // An auditor's view of what is durable.
  struct Audited {
    audit::Report report;
    std::vector<audit::Entry> entries;
    [[nodiscard]] std::vector<Kind> kinds() const {
      std::vector<Kind> out;
      for (const audit::Entry& entry : entries)
        out.push_back(entry.event.kind);
      return out;
    }
  };
  [[nodiscard]] Audited audited() const {
    Audited out;
    const test::Files files = test::exported(shared_.files);
    test::MemorySource source(files);
    out.report = audit::verify_log(
        source, audit::Expectations{world_.anchors},
        {{}, [&](std::uint64_t, const audit::Entry& entry) { out.entries.push_back(entry); }});
    return out;
  }

  test::SharedFiles shared_;
  MemoryLogStore* store_ = nullptr;  // of the boot that has the log
  AuditKeeper keeper_{io_,
                      side_.party,
                      side_.nsm,
                      custody_,
                      [this] {
                        auto store = std::make_unique<MemoryLogStore>(shared_);
                        store_ = store.get();
                        return store;
                      },
                      "custodian-1",
                      log_};
  std::uint64_t id_ = 0;
};

}  // namespace concordat::keyservice
