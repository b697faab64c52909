// What an earlier run said to keep, brought to an enclave over an operator's channel: it is opened
// when the run begins, and lies there sealed until then.
#include <gmock/gmock.h>

#include <boost/asio/write.hpp>
#include <nlohmann/json.hpp>

#include "peer/preface_io.hpp"
#include "session/host/service_io.hpp"
#include "tests/frost/frost_fixture.hpp"
#include "tests/session_host/host_world.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::Result;
using base::SecretBytes;

// An enclave of party 1 with its share of a key, and the operator who orders a signature there.
class KeptShare : public testing::Test {
 protected:
  using OnOpened = std::function<void(Result<SecretBytes>)>;

  KeptShare() {
    world_.edit_policy = [](PartyIndex, std::string text) {
      auto policy = nlohmann::ordered_json::parse(test::replaced(
          std::move(text), "\"protocol\": \"aggregate/1\"", "\"protocol\": \"frost-sign/1\""));
      policy["purposes"][std::string(kControlPurpose)] = {
          {"initiator", nlohmann::ordered_json::array()}, {"responder", {"payments"}}};
      policy["operators"]["dana"] = {{"key", test::operator_key().public_key().hex()},
                                     {"purposes", {kControlPurpose}}};
      return policy.dump(2);
    };
    host_ = std::make_unique<Host>(world_, io_, 1, world_.enclave(1));
    sealing_.open = [this](Bytes sealed, OnOpened done) {
      asked_.push_back(std::move(sealed));
      answer_ = std::move(done);
    };
    const std::string door = folder_.path() / "door";
    service_.emplace(ServiceParts{io_, host_->party, host_->nsm, host_->log,
                                  peer::UnixEndpoint{folder_.path() / "relay"}, host_->ledger,
                                  sealing_});
    service_->serve(peer::Listener::open(io_, peer::UnixEndpoint{door}).value());
    dial(door);
  }
  ~KeptShare() override {
    channel_->abort(base::Error(peer::StreamErrc::ended));
    service_.reset();
    io_.restart();
    io_.poll();
  }
  void dial(const std::string& door) {
    boost::asio::local::stream_protocol::socket socket(io_);
    socket.connect(boost::asio::local::stream_protocol::endpoint(door));
    const Bytes preface = peer::encode_preface(peer::Source{"operator/local"});
    boost::asio::write(socket, boost::asio::buffer(preface));
    operator_ = host_->party;
    operator_.role.clear();
    operator_.operator_key = dana_.public_key();
    peer::SecureStream::Events events;
    bool is_established = false;
    events.established = [&is_established](const policy::AdmittedPeer&) { is_established = true; };
    events.record = [this](const SecretBytes& record) {
      reports_.push_back(decode_report(record).value());
    };
    channel_ = peer::SecureStream::initiate(peer::StreamSocket(std::move(socket)), operator_, dana_,
                                            std::string(kControlPurpose), std::move(events));
    run_until([&] { return is_established; });
  }
  void say(const ControlOrder& order) {
    const SecretBytes record = encode(order);
    ASSERT_TRUE(channel_->send(record.expose(base::SecretAccess{})));
  }
  [[nodiscard]] bool is_told(std::string_view stage) const {
    return std::ranges::any_of(reports_, [&](const ControlReport& report) {
      const auto* const reached = std::get_if<StageReached>(&report);
      return reached != nullptr && reached->stage == stage;
    });
  }
  [[nodiscard]] std::string end() const {
    const auto* const ended = reports_.empty() ? nullptr : std::get_if<RunEnded>(&reports_.back());
    return ended == nullptr ? "" : ended->code;
  }
  // With a share that is sealed as `sealed_`, up to "ready".
  void order() {
    DescriptorFields fields = world_.fields();
    fields.protocol = "frost-sign/1";
    fields.threshold = 2;
    fields.parameters = base::to_bytes(base::as_bytes(nlohmann::json{
        {"group", base::to_hex(share_.group().encoded())},
        {"message", "68"}}.dump()));
    const Bytes envelope = world_.sign(encode_descriptor(fields).value());
    for (const base::BytesView piece : in_pieces(envelope))
      say(DescriptorPiece{base::to_bytes(piece)});
    OrderedRun ordered{1, 3'600'000, {}, sealed_};
    for (const auto& authority : world_.authorities())
      ordered.authorities.push_back(authority.encoded());
    say(std::move(ordered));
    run_until([&] { return is_told(kReadyStage) || !end().empty(); });
    ASSERT_EQ(end(), "");
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      io_.restart();
      (void)io_.run_one_for(std::chrono::milliseconds(50));
    }
  }

  const policy::SigningKey dana_ = test::operator_key();
  const frost::KeyShare share_ = std::move(frost::test::deal(2, 2).front());
  const Bytes sealed_{1, 2, 3};
  test::TemporaryFolder folder_;
  SessionWorld world_{2};
  boost::asio::io_context io_{1};
  std::unique_ptr<Host> host_;
  Sealing sealing_;
  std::vector<Bytes> asked_;  // to be opened
  OnOpened answer_;
  std::optional<Service> service_;
  peer::Party operator_;
  std::shared_ptr<peer::SecureStream> channel_;
  std::vector<ControlReport> reports_;
};

// An order that waits would otherwise have an open share past the end of the key that sealed it.
TEST_F(KeptShare, IsOpenedWhenItsRunBeginsAndNotBefore) {
  order();
  EXPECT_TRUE(asked_.empty());
  say(BeginRun{});
  run_until([&] { return !asked_.empty(); });
  EXPECT_EQ(asked_, std::vector<Bytes>{sealed_});
  EXPECT_FALSE(is_told("forming"));
  answer_(share_.encoded());
  run_until([&] { return is_told("forming") || !end().empty(); });
  EXPECT_EQ(end(), "");
  EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(KeptShare, ThatDoesNotOpenBeginsNoRun) {
  order();
  say(BeginRun{});
  run_until([&] { return !asked_.empty(); });
  answer_(base::Error(Errc::cancelled));
  run_until([&] { return !end().empty(); });
  EXPECT_EQ(end(), base::Error(Errc::cancelled).name());
  EXPECT_FALSE(is_told("forming"));
}

// Its channel is gone by then, and the answer comes all the same.
TEST_F(KeptShare, OfAnOperatorWhoIsRevokedWhileItIsOpenedBeginsNoRun) {
  order();
  say(BeginRun{});
  run_until([&] { return !asked_.empty(); });
  const auto listed = world_.edit_policy;
  world_.edit_policy = [listed](PartyIndex index, std::string text) {
    auto policy = nlohmann::ordered_json::parse(listed(index, std::move(text)));
    policy["serial"] = 2;
    policy["operators"].erase("dana");
    return policy.dump(2);
  };
  ASSERT_TRUE(host_->policies.install(world_.policy(1)->envelope(), world_.wall));
  service_->policy_changed();
  answer_(share_.encoded());
  EXPECT_THAT(host_->lines, testing::HasSubstr("operator_unknown"));
}

TEST_F(KeptShare, OfAnotherGroupBeginsNoRun) {
  order();
  say(BeginRun{});
  run_until([&] { return !asked_.empty(); });
  answer_(frost::test::deal(2, 2).front().encoded());
  run_until([&] { return !end().empty(); });
  EXPECT_EQ(end(), "wrong_share");
  EXPECT_FALSE(is_told("forming"));
}

}  // namespace
}  // namespace concordat::session::host
