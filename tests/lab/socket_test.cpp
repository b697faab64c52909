// Do the NSM socket and the forwarder carry what they should, and survive peers that misbehave?
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <thread>

#include "deploy/lab/error.hpp"
#include "deploy/lab/forwarder.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"
#include "deploy/lab/nsm_server.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "deploy/lab/unix_socket.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
namespace nsm = attest::nsm;

// A reactor that turns in a thread of its own while the test is its blocking client.
class Turning {
 public:
  explicit Turning(Reactor& reactor) : reactor_(reactor) {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    wake_ = base::Descriptor(ends[0]);
    woken_ = base::Descriptor(ends[1]);
    reactor_.watch(woken_.get(), POLLIN, [this](short) { reactor_.stop(); });
    thread_ = std::thread([this] { EXPECT_TRUE(reactor_.run()); });
  }
  ~Turning() {
    wake_.reset();
    thread_.join();
    reactor_.forget(woken_.get());
  }
  Turning(const Turning&) = delete;
  Turning& operator=(const Turning&) = delete;

 private:
  Reactor& reactor_;
  base::Descriptor wake_;
  base::Descriptor woken_;
  std::thread thread_;
};

class NsmSocketTest : public testing::Test {
 protected:
  std::unique_ptr<LabNsmSocket> connect() { return LabNsmSocket::connect(path_).value(); }

  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "nsm.sock";
  std::unique_ptr<Pki> pki_ = Pki::create(base::system_wall_clock()).value();
  SoftwareNsm device_{*pki_, {}, base::system_wall_clock};
  Reactor reactor_;
  NsmServer server_{reactor_, listen_unix(path_).value(), device_};
  Turning turning_{reactor_};
};

TEST_F(NsmSocketTest, SpeaksTheDevicesProtocol) {
  const auto client = connect();
  EXPECT_EQ(nsm::describe_nsm(*client)->module_id, device_.module_id());
  EXPECT_EQ(nsm::get_random(*client)->size(), 256u);
  EXPECT_GT(nsm::attestation(*client, {}).value().size(), 3000u);
  EXPECT_TRUE(nsm::extend_pcr(*client, 0, Bytes{1}).error().is(nsm::Errc::read_only_index));
}

TEST_F(NsmSocketTest, ServesSeveralClients) {
  const auto one = connect();
  const auto two = connect();
  ASSERT_TRUE(nsm::extend_pcr(*one, 16, Bytes{1}));
  EXPECT_FALSE(nsm::describe_pcr(*two, 16)->data.is_zero()) << "one device behind both";
}

TEST_F(NsmSocketTest, AnswersRequestsThatComeTogetherOrInPieces) {
  const auto socket = connect_unix(path_, Blocking::yes).value();
  Bytes frames;
  append_frame(frames, nsm::encode_request(nsm::GetRandomRequest{}));
  append_frame(frames, nsm::encode_request(nsm::DescribeNsmRequest{}));
  for (const std::uint8_t byte : frames) {
    ASSERT_TRUE(send_some(socket.get(), {&byte, 1}).value());
  }
  const auto first = nsm::decode_response(receive_frame(socket.get(), 0x3000).value()).value();
  const auto second = nsm::decode_response(receive_frame(socket.get(), 0x3000).value()).value();
  EXPECT_TRUE(std::holds_alternative<nsm::GetRandomResponse>(first));
  EXPECT_TRUE(std::holds_alternative<nsm::DescribeNsmResponse>(second));
}

TEST_F(NsmSocketTest, DisconnectsWhoSendsNoFrame) {
  const auto socket = connect_unix(path_, Blocking::yes).value();
  ASSERT_TRUE(send_some(socket.get(), Bytes{0xff, 0xff, 0xff, 0xff}).value());
  EXPECT_TRUE(receive_frame(socket.get(), 100).error().is(LabErrc::peer_closed));
  EXPECT_TRUE(nsm::describe_nsm(*connect())) << "others are served";
}

TEST_F(NsmSocketTest, ClientRefusesWhatTheDriverRefuses) {
  const auto client = connect();
  EXPECT_TRUE(client->exchange(Bytes(0x1001)).error().is(nsm::Errc::input_too_large));
  EXPECT_TRUE(nsm::describe_nsm(*client)) << "nothing was sent";
}

TEST(NsmSocketClient, AfterABrokenStreamEveryRequestFails) {
  const test::TemporaryFolder folder;
  const auto listener = listen_unix(folder.path() / "s").value();
  const auto client = LabNsmSocket::connect(folder.path() / "s").value();
  {
    const auto accepted = accept_unix(listener.get()).value().value();
    ASSERT_TRUE(send_some(accepted.get(), Bytes{0, 0, 0, 9, 1}).value());
  }
  EXPECT_FALSE(client->exchange(Bytes{1}));
  EXPECT_TRUE(client->exchange(Bytes{1}).error().is(LabErrc::peer_closed));
}

// Runs `check` in a process of that user; true if it says so.
bool as_user(uid_t user, const std::function<bool()>& check) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(::setresuid(user, user, user) == 0 && check() ? 0 : 1);
  int status = -1;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class RestrictLabNsm : public testing::Test {
 protected:
  static constexpr uid_t kStranger = 65534;

  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "not root: no second user to keep out";
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
  }
  bool connects() const { return LabNsmSocket::connect(path_).has_value(); }

  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "nsm.sock";
};

TEST_F(RestrictLabNsm, LeavesTheSocketToTheEnclavesRoot) {
  const auto listener = listen_unix(path_).value();
  std::filesystem::permissions(path_, std::filesystem::perms(0666));
  ASSERT_TRUE(as_user(kStranger, [this] { return connects(); })) << "before, anybody could";
  ASSERT_TRUE(restrict_lab_nsm(path_));
  EXPECT_FALSE(as_user(kStranger, [this] { return connects(); }));
  EXPECT_TRUE(connects());
}

TEST_F(RestrictLabNsm, WhoIsNotRootTakesTheSocketsNameAway) {
  ASSERT_EQ(::chown(folder_.path().c_str(), kStranger, kStranger), 0);
  EXPECT_TRUE(as_user(kStranger, [this] {
    const auto listener = listen_unix(path_).value();
    const auto agent = LabNsmSocket::connect(path_);
    if (!agent || !restrict_lab_nsm(path_) || connects()) return false;
    const auto accepted = accept_unix(listener.get()).value();
    return accepted && send_some(accepted->get(), Bytes{0, 0, 0, 1, 0x55}).value() == 5 &&
           (*agent)->exchange(Bytes{1}).value() == Bytes{0x55};
  })) << "the agent's own connection stays";
}

TEST_F(RestrictLabNsm, RefusesWhatIsNotASocketOfRoot) {
  EXPECT_FALSE(restrict_lab_nsm(path_)) << "nothing is there";
  const auto listener = listen_unix(path_).value();
  ASSERT_EQ(::lchown(path_.c_str(), kStranger, kStranger), 0);
  EXPECT_TRUE(restrict_lab_nsm(path_).error().is(LabErrc::bad_state));
}

class ForwarderTest : public testing::Test {
 protected:
  test::TemporaryFolder folder_;
  std::filesystem::path near_ = folder_.path() / "near";
  std::filesystem::path far_ = folder_.path() / "far";
  base::Descriptor far_listener_ = listen_unix(far_).value();
  Reactor reactor_;
  Forwarder forwarder_{reactor_, listen_unix(near_).value(),
                       [this] { return connect_unix(far_, Blocking::no); }};
};

base::Descriptor accept_blocking(const base::Descriptor& listener) {
  pollfd waiting{listener.get(), POLLIN, 0};
  ::poll(&waiting, 1, -1);
  return base::Descriptor(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

TEST_F(ForwarderTest, CarriesMoreThanItBuffersBothWays) {
  const Turning turning(reactor_);
  const auto caller = connect_unix(near_, Blocking::yes).value();
  const auto callee = accept_blocking(far_listener_);
  const Bytes there(3'000'000, 1);
  const Bytes back(2'000'000, 2);
  std::thread other([&] {
    EXPECT_TRUE(send_frame(callee.get(), back));
    EXPECT_EQ(receive_frame(callee.get(), there.size()).value(), there);
  });
  std::thread sender([&] { EXPECT_TRUE(send_frame(caller.get(), there)); });
  EXPECT_EQ(receive_frame(caller.get(), back.size()).value(), back);
  other.join();
  sender.join();
}

TEST_F(ForwarderTest, OneDirectionMayEndBeforeTheOther) {
  const Turning turning(reactor_);
  const auto caller = connect_unix(near_, Blocking::yes).value();
  const auto callee = accept_blocking(far_listener_);
  ASSERT_TRUE(send_frame(caller.get(), Bytes{1}));
  ::shutdown(caller.get(), SHUT_WR);
  EXPECT_EQ(receive_frame(callee.get(), 10).value(), Bytes{1});
  std::array<std::uint8_t, 1> byte;
  EXPECT_EQ(receive_some(callee.get(), byte).value(), 0u) << "the end arrives";
  ASSERT_TRUE(send_frame(callee.get(), Bytes{2}));
  EXPECT_EQ(receive_frame(caller.get(), 10).value(), Bytes{2}) << "the other direction still works";
}

TEST_F(ForwarderTest, DeliversWhatWasSentBeforeAClose) {
  const Turning turning(reactor_);
  auto caller = connect_unix(near_, Blocking::yes).value();
  ASSERT_TRUE(send_frame(caller.get(), Bytes(50'000, 3)));
  caller.reset();
  const auto callee = accept_blocking(far_listener_);
  EXPECT_EQ(receive_frame(callee.get(), 50'000).value(), Bytes(50'000, 3));
  std::array<std::uint8_t, 1> byte;
  EXPECT_EQ(receive_some(callee.get(), byte).value(), 0u);
}

TEST_F(ForwarderTest, DisconnectsWhereNobodyAnswers) {
  far_listener_.reset();
  std::filesystem::remove(far_);
  const Turning turning(reactor_);
  const auto caller = connect_unix(near_, Blocking::yes).value();
  EXPECT_TRUE(receive_frame(caller.get(), 10).error().is(LabErrc::peer_closed));
}

TEST(UnixSocket, RefusesPathsThatDoNotFit) {
  const std::filesystem::path path = "/tmp/" + std::string(110, 'x');
  EXPECT_TRUE(listen_unix(path).error().is(LabErrc::system_call_failed));
  EXPECT_TRUE(connect_unix(path, Blocking::yes).error().is(LabErrc::system_call_failed));
}

}  // namespace
}  // namespace concordat::lab
