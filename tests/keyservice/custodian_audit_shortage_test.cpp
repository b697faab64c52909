// A custodian whose memory runs out while it writes its audit log: whatever is answered is in it.
#include <set>

#include "keyservice/audit_keeper_io.hpp"
#include "tests/audit/log_fixture.hpp"
#include "tests/keyservice/shortage_fixture.hpp"

namespace concordat::keyservice {
namespace {

// The audit log's store: another process, too.
class OtherProcessLogStore final : public audit::Store {
 public:
  OtherProcessLogStore(boost::asio::io_context& io, test::SharedFiles& shared)
      : io_(io), store_(shared) {}
  void claim(const audit::BootId& writer, Done done) override {
    const Spared spared;
    store_.claim(writer, test::later<Status>(io_, std::move(done)));
  }
  void write(audit::FilesPtr files, Done done) override {
    const Spared spared;
    store_.write(std::move(files), test::later<Status>(io_, std::move(done)));
  }
  void remove(const std::string& prefix, Done done) override {
    const Spared spared;
    store_.remove(prefix, test::later<Status>(io_, std::move(done)));
  }
  void read(const std::string& name, OnContent done) override {
    const Spared spared;
    store_.read(name, test::later<base::Result<std::optional<Bytes>>>(io_, std::move(done)));
  }

 private:
  boost::asio::io_context& io_;
  test::MemoryLogStore store_;
};

// With an audit log, which loses its memory, too.
class AuditedInShortage : public CustodianInShortage {
 protected:
  AuditedInShortage() {
    on_custodian([this](auto done) {
      keeper_.emplace(
          custodian_io_, side_.party, nsm_, custody_,
          [this] { return std::make_unique<OtherProcessLogStore>(custodian_io_, files_); },
          "custodian-1", log_);
      keeper_->on_open([this] { custodian_->audit_opened(); });
      recorder_.instead = &keeper_->trail();
      keeper_->start();
      done();
    });
    wait_until_open();
  }
  ~AuditedInShortage() override {
    on_custodian([this](auto done) {
      keeper_->stop();
      recorder_.instead = nullptr;
      done();
    });
    on_custodian([this](auto done) {
      keeper_.reset();
      done();
    });
  }
  void wait_until_open() {
    for (;;) {
      const unsigned before = log_lines_.count();
      if (of_custodian([this] { return keeper_->trail().ready().has_value(); })) return;
      ASSERT_TRUE(log_lines_.wait_for_more_than(before));
    }
  }
  // The keys whose uses are durable in the log.
  std::set<std::string> recorded() {
    std::set<std::string> out;
    const test::Files files = of_custodian([this] { return test::exported(files_.files); });
    for (const auto& [name, content] : files) {
      if (!name.starts_with("tile/entries/")) continue;
      std::vector<base::BytesView> entries;
      EXPECT_TRUE(audit::split_bundle(content, entries));
      for (const base::BytesView bytes : entries) {
        const audit::Entry entry = audit::decode_entry(bytes).value();
        if (entry.event.kind == audit::Kind::use) out.insert(entry.event.key.value().name);
      }
    }
    return out;
  }

  test::SharedFiles files_;
  std::optional<AuditKeeper> keeper_;
};

TEST_P(AuditedInShortage, NothingIsAnsweredWithoutItsEntry) {
  std::optional<ResponseBody> answer;
  unsigned answered = 0;
  const auto key = [](unsigned n) { return "payments/" + std::to_string(n); };
  sweep(
      "audited use",
      [&](unsigned n) {
        answer = ask(SignRequest{key(n), {1, 2, 3}});
      },
      [&](unsigned n) {
        if (answer && std::holds_alternative<MadeEnvelope>(*answer)) {
          ++answered;
          EXPECT_TRUE(recorded().contains(key(n)));
        }
        wait_until_open();
        ASSERT_TRUE(std::holds_alternative<MadeEnvelope>(*ask(SignRequest{"payments/a", {1}})));
      },
      [&] { line(false); });
  EXPECT_GT(answered, 0U);
  const test::Files files = of_custodian([this] { return test::exported(files_.files); });
  test::MemorySource source(files);
  const audit::Report report = audit::verify_log(source, audit::Expectations{there_.anchors});
  for (const audit::Finding& finding : report.findings)  // evidence of entries that never were
    EXPECT_EQ(finding.fault, audit::Fault::unexpected_file) << finding.to_string();
}

INSTANTIATE_TEST_SUITE_P(Every, AuditedInShortage, testing::ValuesIn(kModes),
                         [](const auto& mode) { return mode.param.name; });

}  // namespace
}  // namespace concordat::keyservice
