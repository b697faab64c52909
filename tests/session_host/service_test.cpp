// An enclave's door and its operators' channels, over real streams: who is led where, what is
// refused, and that a run outlives a channel that was cut.
#include "session/host/service_io.hpp"

#include <gmock/gmock.h>

#include <boost/asio/write.hpp>

#include "peer/error.hpp"
#include "peer/preface_io.hpp"
#include "session/host/errc.hpp"
#include "tests/session_host/host_world.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::Status;
using testing::HasSubstr;

policy::SigningKey other_operator() {
  Bytes seed(32, 81);
  return policy::SigningKey::from_seed(base::SecretBytes::take(seed)).value();
}

std::string with_control(std::string text) {
  const auto listed = [](const std::string& name, const policy::SigningKey& key) {
    return "\"" + name + "\": {\"key\": \"" + key.public_key().hex() +
           "\", \"purposes\": [\"session-control\"]}";
  };
  text = test::replaced(std::move(text), "\"purposes\": {",
                        "\"purposes\": {\"session-control\": {\"initiator\": [], \"responder\": "
                        "[\"payments\"]},");
  return test::replaced(std::move(text), "\"operators\": {}",
                        "\"operators\": {" + listed("dana", test::operator_key()) + ", " +
                            listed("erin", other_operator()) + "}");
}

// Does `before` each time that it signs.
class LateSigner final : public policy::Signer {
 public:
  LateSigner(const policy::Signer& key, std::function<void()> before)
      : key_(key), before_(std::move(before)) {}
  [[nodiscard]] const policy::SignerKey& public_key() const noexcept override {
    return key_.public_key();
  }
  [[nodiscard]] base::Result<policy::Signature> sign(base::BytesView message) const override {
    before_();
    return key_.sign(message);
  }

 private:
  const policy::Signer& key_;
  std::function<void()> before_;
};

// An operator's channel, seen from there.
struct Client {
  std::shared_ptr<peer::SecureStream> stream;
  bool is_established = false;
  std::vector<ControlReport> reports;
  std::optional<Status> ended;

  void send(const ControlOrder& order) const {
    const base::SecretBytes record = encode(order);
    ASSERT_TRUE(stream->send(record.expose(base::SecretAccess{})));
  }
  [[nodiscard]] const RunEnded* end() const {
    return reports.empty() ? nullptr : std::get_if<RunEnded>(&reports.back());
  }
  [[nodiscard]] bool has(std::string_view stage) const {
    return std::ranges::any_of(reports, [&](const ControlReport& report) {
      const auto* const reached = std::get_if<StageReached>(&report);
      return reached != nullptr && reached->stage == stage;
    });
  }
};

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() {
    world_.edit_policy = [](PartyIndex, std::string text) { return with_control(std::move(text)); };
    host_ = std::make_unique<Host>(world_, io_, 1, world_.enclave(1));
  }
  ~ServiceTest() override {
    for (const auto& client : clients_)
      if (client->stream) client->stream->abort(base::Error(peer::StreamErrc::ended));
    service_.reset();
    io_.restart();
    io_.poll();  // what streams still say goes to their clients
  }
  void serve(Patience patience = {}) {
    service_.emplace(ServiceParts{io_,
                                  host_->party,
                                  host_->nsm,
                                  host_->log,
                                  peer::UnixEndpoint{folder_.path() / "relay"},
                                  host_->ledger,
                                  sealing_,
                                  {},
                                  patience});
    service_->serve(peer::Listener::open(io_, peer::UnixEndpoint{door()}).value());
  }
  [[nodiscard]] std::string door() const { return folder_.path() / "door"; }

  // As the parent leads it here.
  boost::asio::local::stream_protocol::socket connect(const std::string& source) {
    boost::asio::local::stream_protocol::socket out(io_);
    out.connect(boost::asio::local::stream_protocol::endpoint(door()));
    const Bytes preface = peer::encode_preface(peer::Source{source});
    boost::asio::write(out, boost::asio::buffer(preface));
    return out;
  }
  Client& dial(const policy::Signer& key) {
    Client& out = *clients_.emplace_back(std::make_unique<Client>());
    auto& party = *parties_.emplace_back(std::make_unique<peer::Party>(host_->party));
    party.role.clear();
    party.operator_key = key.public_key();
    peer::SecureStream::Events events;
    events.established = [&out](const policy::AdmittedPeer&) { out.is_established = true; };
    events.record = [&out](const base::SecretBytes& record) {
      out.reports.push_back(decode_report(record).value());
    };
    events.ended = [&out](const Status& status) { out.ended = status; };
    out.stream = peer::SecureStream::initiate(peer::StreamSocket(connect("operator/local")), party,
                                              key, std::string(kControlPurpose), std::move(events));
    run_until([&] { return out.is_established || out.ended; });
    return out;
  }
  static base::SecretBytes seed_of(std::uint8_t byte) {
    Bytes seed(32, byte);
    return base::SecretBytes::take(seed);
  }

  [[nodiscard]] DescriptorPtr descriptor() const {
    DescriptorFields fields = world_.fields();
    fields.parameters = base::to_bytes(base::as_bytes(kSums));
    return VerifiedDescriptor::verify(world_.sign(encode_descriptor(fields).value()),
                                      world_.authorities(), take_any)
        .value();
  }
  // Up to "ready".
  void order(Client& client, std::chrono::milliseconds forming = std::chrono::hours(1)) {
    const DescriptorPtr of = descriptor();
    for (const base::BytesView piece : in_pieces(of->envelope()))
      client.send(DescriptorPiece{base::to_bytes(piece)});
    OrderedRun order{1, static_cast<std::uint64_t>(forming.count()), {}, {}};
    for (const auto& authority : world_.authorities())
      order.authorities.push_back(authority.encoded());
    client.send(order);
    run_until([&] { return client.has(kReadyStage) || client.end() != nullptr; });
  }
  void begin(Client& client, std::chrono::milliseconds forming = std::chrono::hours(1)) {
    order(client, forming);
    Bytes table = base::to_bytes(base::as_bytes("amount\n1\n"));
    client.send(InputPiece{base::SecretBytes::take(table)});
    client.send(BeginRun{});
    run_until([&] { return client.has("forming") || client.end() != nullptr; });
  }
  void cut(Client& client) {
    client.stream->abort(base::Error(peer::Errc::channel_closed));
    run_until([&] { return host_->lines.find("operator_left") != std::string::npos; });
    host_->lines.clear();
  }
  Client& come_back(const policy::SigningKey& key) {
    Client& out = dial(key);
    out.send(ResumeRun{descriptor()->digest()});
    return out;
  }
  // A newer policy lists dana no more.
  void revoke_dana() {
    const auto listed = world_.edit_policy;
    world_.edit_policy = [listed](PartyIndex index, std::string text) {
      text = test::replaced(listed(index, std::move(text)), "\"serial\": 1", "\"serial\": 2");
      return test::replaced(std::move(text), test::operator_key().public_key().hex(),
                            test::freshness_key().public_key().hex());
    };
    ASSERT_TRUE(host_->policies.install(world_.policy(1)->envelope(), world_.wall));
    service_->policy_changed();
  }
  void expect_end(Client& client, const std::string& code) {
    run_until([&] { return client.end() != nullptr; });
    ASSERT_NE(client.end(), nullptr);
    EXPECT_EQ(client.end()->code, code) << client.end()->detail;
  }
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      io_.restart();
      (void)io_.run_one_for(std::chrono::milliseconds(50));
    }
  }

  const policy::SigningKey dana_ = test::operator_key(), erin_ = other_operator();
  test::TemporaryFolder folder_;
  SessionWorld world_{2};
  boost::asio::io_context io_{1};
  Sealing sealing_;
  std::unique_ptr<Host> host_;
  std::optional<Service> service_;
  std::vector<std::unique_ptr<peer::Party>> parties_;
  std::vector<std::unique_ptr<Client>> clients_;
};

TEST_F(ServiceTest, ARunIsToldToItsOperatorAndEndsWithItsTime) {
  serve();
  Client& client = dial(dana_);
  begin(client, std::chrono::milliseconds(300));
  expect_end(client, "forming_timed_out");
  ASSERT_EQ(client.end()->named.size(), 1u);
  EXPECT_EQ(client.end()->named[0].first, 2u);
  client.send(EndFetched{});
  run_until([&] { return client.ended.has_value(); });
  EXPECT_TRUE(*client.ended) << client.ended->error().to_string();
}

TEST_F(ServiceTest, ARunOutlivesAChannelThatIsCutAndIsFetchedOnTheNext) {
  serve();
  Client& first = dial(dana_);
  begin(first, std::chrono::milliseconds(1500));
  cut(first);
  Client& second = come_back(dana_);
  expect_end(second, "forming_timed_out");
  EXPECT_TRUE(second.has("forming"));
  cut(second);
  // The end, too, until it was said to be taken in.
  Client& third = come_back(dana_);
  expect_end(third, "forming_timed_out");
  third.send(EndFetched{});
  run_until([&] { return third.ended.has_value(); });
  expect_end(come_back(dana_), "unknown_session");
}

TEST_F(ServiceTest, OnlyWhoOrderedARunComesBackToIt) {
  serve();
  Client& first = dial(dana_);
  begin(first);
  cut(first);
  expect_end(come_back(erin_), "unknown_session");
  Client& again = dial(erin_);
  begin(again);
  expect_end(again, "run_under_way");
}

TEST_F(ServiceTest, ARunThatDidNotFormIsCalledOffWhenNobodyComesBack) {
  serve({std::chrono::milliseconds(50), std::chrono::hours(1)});
  Client& first = dial(dana_);
  begin(first);
  cut(first);
  const auto is_over = [&] {
    Client& again = come_back(dana_);
    run_until([&] { return again.has("forming"); });
    if (again.end() != nullptr) return true;
    cut(again);
    return false;
  };
  run_until(is_over);
  EXPECT_EQ(clients_.back()->end()->code, "run_cancelled");
}

TEST_F(ServiceTest, WhoeverEndsItsChannelInOrderCallsTheRunOff) {
  serve();
  Client& first = dial(dana_);
  begin(first);
  first.stream->close();
  run_until([&] { return first.ended.has_value(); });
  expect_end(come_back(dana_), "run_cancelled");
}

TEST_F(ServiceTest, OrdersOutOfTurnAreRefusedWithTheirReason) {
  serve();
  const auto refused = [&](const ControlOrder& wrong) {
    Client& client = dial(dana_);
    client.send(wrong);
    expect_end(client, "malformed_order");
  };
  refused(BeginRun{});
  refused(InputPiece{seed_of(1)});
  refused(KeptStored{});
  refused(EndFetched{});
  Client& client = dial(dana_);
  order(client);
  client.send(ResumeRun{descriptor()->digest()});
  expect_end(client, "malformed_order");
}

// Or two runs would be told on one channel.
TEST_F(ServiceTest, WhoCameBackToARunOrdersNoOther) {
  serve();
  const auto refused = [&](const ControlOrder& wrong) {
    Client& first = dial(dana_);
    begin(first);
    cut(first);
    Client& second = come_back(dana_);
    run_until([&] { return second.has("forming"); });
    second.send(wrong);
    expect_end(second, "malformed_order");
    second.send(EndFetched{});
    run_until([&] { return second.ended.has_value(); });
    host_->lines.clear();
  };
  refused(DescriptorPiece{{1}});
  refused(OrderedRun{1, 1, {}, {}});
  refused(BeginRun{});
}

TEST_F(ServiceTest, AnOperatorWhomANewerPolicyDoesNotListLosesChannelAndRun) {
  serve();
  Client& client = dial(dana_);
  begin(client);
  revoke_dana();
  run_until([&] { return client.ended.has_value(); });
  EXPECT_FALSE(*client.ended);
  run_until([&] { return host_->lines.find("operator_left") != std::string::npos; });
}

// Judged by the older policy, for it began under that.
TEST_F(ServiceTest, AnOperatorWhomANewerPolicyRevokesDuringItsHandshakeIsRefused) {
  serve();
  const LateSigner signer(dana_, [this] { revoke_dana(); });
  Client& client = dial(signer);
  run_until([&] { return client.ended.has_value(); });
  EXPECT_FALSE(*client.ended);
  run_until([&] { return host_->lines.find("operator_refused") != std::string::npos; });
  EXPECT_THAT(host_->lines, HasSubstr("a newer policy came during the handshake"));
  EXPECT_EQ(host_->lines.find("operator_admitted"), std::string::npos);
}

// Streams that say nothing fill the door, and the next one, of a party, is read all the same.
TEST_F(ServiceTest, SilentStrangersKeepNobodyOut) {
  serve();
  std::vector<boost::asio::local::stream_protocol::socket> silent;
  for (std::size_t i = 0; i < Service::kMaxWaiting; ++i)
    silent.push_back(connect("parent/stranger-" + std::to_string(i % 16)));
  FormingContext context;
  context.descriptor = world_.descriptor("sums/other");
  context.self = 1;
  context.policy = host_->policies.snapshot();
  context.own_pcr16 = host_->party.own_pcr16;
  context.anchors = &world_.anchors;
  context.chain_cache = &world_.cache;
  context.random = &world_.random;
  const auto now = host_->party.clock().value();
  const auto forming = Forming::begin(std::move(context), now).value();
  const FormingOrders orders = forming->on_dialled(2, 1, now);
  auto party = connect("parent/bank-b");
  boost::asio::write(party, boost::asio::buffer(orders.send.at(0).second));
  run_until([&] { return host_->lines.find("unknown_session") != std::string::npos; });
  EXPECT_THAT(host_->lines, HasSubstr(world_.descriptor("sums/other")->digest().hex()));
  EXPECT_THAT(host_->lines, HasSubstr("parent/bank-b"));
  // The oldest of them made room.
  silent[0].non_blocking(true);
  boost::system::error_code error;
  std::uint8_t byte = 0;
  run_until([&] {
    (void)silent[0].read_some(boost::asio::buffer(&byte, 1), error);
    return error != boost::asio::error::would_block;
  });
  EXPECT_EQ(error, boost::asio::error::eof);
  EXPECT_EQ(host_->lines.find("timed_out"), std::string::npos) << "it was not waited for";
}

}  // namespace
}  // namespace concordat::session::host
