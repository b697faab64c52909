// What the relay refuses, with which answer, and what it bounds.
#include <sys/stat.h>

#include <fstream>

#include "tests/relay/relay_fixture.hpp"

namespace concordat::test {
namespace {

using namespace std::chrono_literals;
using peer::Answer;
using peer::Preface;
using peer::Source;
using peer::relay::Ending;
using peer::relay::Limits;
using peer::relay::Route;

std::uint64_t refused(const peer::relay::CallerCounters& c, Answer answer) {
  return c.refused[static_cast<std::size_t>(answer)];
}
std::uint64_t ended(const peer::relay::CallerCounters& c, Ending ending) {
  return c.ended[static_cast<std::size_t>(ending)];
}

class Refusals : public RelayTest {
 protected:
  // The answer, and then the end of the stream.
  void expect_refused(const Wire& wire, Answer answer) {
    EXPECT_EQ(wire.read_preface(), Preface(answer));
    EXPECT_TRUE(wire.read_to_end().empty());
    EXPECT_EQ(refused(counters(caller_ ? caller_->text : "unknown"), answer), 1u);
    ASSERT_EQ(snapshot().refusals.size(), 1u);
    EXPECT_EQ(snapshot().refusals.back().answer, answer);
  }
  Target target_{folder_.socket("target.sock")};
};

TEST_F(Refusals, ATargetThatIsNotConfigured) {
  start();
  expect_refused(ask("enclave/missing"), Answer::unknown_target);
  EXPECT_EQ(snapshot().refusals.back().target, "enclave/missing");
}

TEST_F(Refusals, ACallerThatIsNotKnown) {
  caller_.reset();
  start();
  expect_refused(ask("parent/http"), Answer::unknown_caller);
}

TEST_F(Refusals, ATargetWhereNobodyListens) {
  start();
  route("enclave/down", Route::Kind::enclave, folder_.socket("nobody.sock"));
  expect_refused(ask("enclave/down"), Answer::unreachable);
}

TEST_F(Refusals, AnEgressNameThatDoesNotResolve) {
  start();
  route("egress/x.invalid:1", Route::Kind::egress, peer::TcpEndpoint{"x.invalid", 1});
  expect_refused(ask("egress/x.invalid:1"), Answer::unreachable);
}

TEST_F(Refusals, ATargetThatDoesNotAnswerInTime) {
  Limits limits;
  limits.dial_timeout = 50ms;
  start(limits);
  // Another parent that takes the connection and says nothing.
  route("enclave/slow", Route::Kind::parent, target_.endpoint());
  expect_refused(ask("enclave/slow"), Answer::timed_out);
}

TEST_F(Refusals, APrefaceThatDoesNotCome) {
  Limits limits;
  limits.preface_timeout = 50ms;
  start(limits);
  const Wire caller = Wire::connect(front_);
  caller.write(text("CCRP"));
  expect_refused(caller, Answer::timed_out);
}

TEST_F(Refusals, BytesThatAreNotAPreface) {
  start();
  const Wire caller = Wire::connect(front_);
  caller.write(text("GET / HTTP/1.1\r\nHost: parent\r\n\r\n"));
  expect_refused(caller, Answer::malformed);
}

TEST_F(Refusals, APrefaceOfAnotherKind) {
  start();
  const Wire caller = Wire::connect(front_);
  caller.write(peer::encode_preface(Source{"enclave/custodian"}));
  expect_refused(caller, Answer::malformed);
}

TEST_F(Refusals, CallersThatGiveUpAreCountedAndForgotten) {
  start();
  Wire::connect(front_).write(text("CCR"));
  EXPECT_TRUE(eventually([](const auto& c) { return c.gave_up == 1 && c.active == 0; }));
}

TEST_F(Refusals, AStreamTooManyUntilOneEnds) {
  Limits limits;
  limits.max_streams = 2;
  start(limits);
  route("egress/x.example:1", Route::Kind::egress, target_.endpoint());
  const Wire first = open("egress/x.example:1");
  Wire second = open("egress/x.example:1");
  const Wire kept = target_.accept();
  Wire accepted = target_.accept();
  expect_refused(ask("egress/x.example:1"), Answer::refused_by_limit);
  accepted.close();
  second.close();
  ASSERT_TRUE(eventually([](const auto& c) { return c.active == 1; }));
  EXPECT_NO_THROW(open("egress/x.example:1"));
}

TEST_F(Refusals, StreamsThatComeTooFast) {
  Limits limits;
  limits.streams_per_second = 1;
  limits.stream_burst = 3;
  start(limits);
  constexpr int kTries = 60;  // would take a minute if all were let in
  int let_in = 0;
  for (int i = 0; i < kTries; ++i) {
    const Preface answer = ask("enclave/none").read_preface();
    if (answer == Preface(Answer::unknown_target)) ++let_in;
    if (i < 3) {
      EXPECT_EQ(answer, Preface(Answer::unknown_target));
    }
  }
  EXPECT_LT(let_in, kTries);
  EXPECT_EQ(refused(counters(), Answer::refused_by_limit), kTries - let_in);
}

TEST_F(Refusals, OneCallersLimitIsNotAnothers) {
  Limits limits;
  limits.max_streams = 1;
  start(limits);
  route("egress/x.example:1", Route::Kind::egress, target_.endpoint());
  const Wire first = open("egress/x.example:1");
  thread_.call([this] { caller_ = Source{"enclave/worker-2"}; });
  EXPECT_NO_THROW(open("egress/x.example:1"));
}

TEST_F(Refusals, OnlyTheLastOnesAreKept) {
  start();
  for (std::size_t i = 0; i < peer::relay::kKeptRefusals + 10; ++i) {
    EXPECT_EQ(ask("enclave/e" + std::to_string(i)).read_preface(), Preface(Answer::unknown_target));
  }
  const auto refusals = snapshot().refusals;
  ASSERT_EQ(refusals.size(), peer::relay::kKeptRefusals);
  EXPECT_EQ(refusals.front().target, "enclave/e10");
}

class TimeOuts : public Refusals {};

TEST_F(TimeOuts, AStreamOnWhichNothingMovesEnds) {
  Limits limits;
  limits.idle_timeout = 50ms;
  start(limits);
  route("egress/x.example:1", Route::Kind::egress, target_.endpoint());
  const Wire caller = open("egress/x.example:1");
  const Wire target = target_.accept();
  EXPECT_TRUE(caller.read_to_end().empty());
  EXPECT_TRUE(target.read_to_end().empty());
  EXPECT_TRUE(eventually([](const auto& c) { return ended(c, Ending::idle) == 1; }));
}

TEST_F(TimeOuts, AStreamEndsWhenItIsTooOldHoweverBusy) {
  Limits limits;
  limits.total_timeout = 100ms;
  start(limits);
  route("egress/x.example:1", Route::Kind::egress, target_.endpoint());
  const Wire caller = open("egress/x.example:1");
  const Wire target = target_.accept();
  auto echoed = std::async(std::launch::async, [&] {
    while (!target.read(1).empty()) {
      const char byte = 'x';
      if (::send(target.fd(), &byte, 1, MSG_NOSIGNAL) != 1) return;
    }
  });
  const char byte = 'x';
  while (::send(caller.fd(), &byte, 1, MSG_NOSIGNAL) == 1 && !caller.read(1).empty()) {
  }
  echoed.get();
  EXPECT_TRUE(eventually([](const auto& c) { return ended(c, Ending::too_long) == 1; }));
}

class Relaying : public Refusals {};

TEST_F(Relaying, TheParentsOwnServiceIsOneTarget) {
  start();
  route("parent/http", Route::Kind::service, {});
  EXPECT_EQ(base::as_text(open("parent/http").read_to_end()), "served");
  EXPECT_TRUE(eventually([](const auto& c) { return c.active == 0; }));
}

TEST_F(Relaying, AnotherParentIsAskedAndItsAnswerPassedOn) {
  start();
  const peer::Endpoint far_front = folder_.socket("far.sock");
  std::unique_ptr<peer::relay::Relay> far;
  thread_.call([&] {
    peer::relay::Parts parts;
    parts.log = &log_;
    parts.route = [this](const Source&, const peer::Target& target) -> std::optional<Route> {
      if (to_string(target) != "enclave/remote") return {};
      return Route{Route::Kind::enclave, target_.endpoint()};
    };
    far = std::make_unique<peer::relay::Relay>(thread_.io(), Limits{}, std::move(parts));
    return far->listen(far_front, {}, [](const auto&) { return Source{"parent/near"}; }).value();
  });
  route("enclave/remote", Route::Kind::parent, far_front);
  route("enclave/unknown-there", Route::Kind::parent, far_front);
  const Wire caller = open("enclave/remote");
  const Wire enclave = target_.accept();
  EXPECT_EQ(enclave.read_preface(), Preface(Source{"parent/near"}));
  caller.write(text("through two parents"));
  EXPECT_EQ(base::as_text(enclave.read(19)), "through two parents");
  expect_refused(ask("enclave/unknown-there"), Answer::unknown_target);
  thread_.call([&] { far.reset(); });
}

TEST_F(Relaying, StoppingEndsEveryStreamAndFreesTheSocket) {
  start();
  route("egress/x.example:1", Route::Kind::egress, target_.endpoint());
  const Wire caller = open("egress/x.example:1");
  const Wire target = target_.accept();
  ASSERT_TRUE(eventually([](const auto& c) { return c.opened == 1; }));
  thread_.call([this] { relay_->stop(); });
  EXPECT_TRUE(caller.read_to_end().empty());
  EXPECT_TRUE(target.read_to_end().empty());
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "relay.sock"));
  EXPECT_EQ(ended(counters(), Ending::stopped), 1u);
}

TEST_F(Relaying, AnEnclavesSideOfThePreface) {
  start();
  route("enclave/custodian", Route::Kind::enclave, target_.endpoint());
  std::promise<base::Result<peer::StreamSocket>> dialled;
  peer::async_dial_target(thread_.io(), front_, peer::EnclaveTarget{"custodian"}, 10s,
                          [&](auto result) { dialled.set_value(std::move(result)); });
  auto stream = dialled.get_future().get();
  ASSERT_TRUE(stream.has_value());
  std::promise<base::Result<Source>> told;
  peer::async_read_source(
      peer::StreamSocket(thread_.io(), boost::asio::generic::stream_protocol(AF_UNIX, 0),
                         ::dup(target_.accept().fd())),
      10s, [&](auto, auto source) { told.set_value(std::move(source)); });
  EXPECT_EQ(told.get_future().get().value(), Source{"enclave/worker-1"});

  std::promise<base::Result<peer::StreamSocket>> refusal;
  peer::async_dial_target(thread_.io(), front_, peer::EnclaveTarget{"nobody"}, 10s,
                          [&](auto result) { refusal.set_value(std::move(result)); });
  EXPECT_TRUE(refusal.get_future().get().error().is(peer::RelayErrc::unknown_target));
}

class Listening : public RelayTest {
 protected:
  base::Result<peer::Endpoint> try_listen(const peer::Endpoint& endpoint) {
    boost::asio::io_context io;
    const auto listener = peer::Listener::open(io, endpoint);
    if (!listener) return listener.error();
    return (*listener)->local();
  }
};

TEST_F(Listening, ASocketFileThatAKilledProgramLeftIsReplaced) {
  // Bound and gone, as after SIGKILL: the file stays.
  { const Target gone(front_); }
  ASSERT_TRUE(std::filesystem::exists(folder_.path() / "relay.sock"));
  EXPECT_NO_THROW(start());
  const auto mode = std::filesystem::status(folder_.path() / "relay.sock").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(Listening, ASocketInUseAndOtherFilesAreLeftAlone) {
  const Target other(front_);
  EXPECT_TRUE(try_listen(front_).error().is(peer::StreamErrc::cannot_listen));
  EXPECT_NO_THROW(Wire::connect(front_));
  std::ofstream(folder_.path() / "precious") << "data";
  EXPECT_TRUE(try_listen(folder_.socket("precious")).error().is(peer::StreamErrc::cannot_listen));
  EXPECT_EQ(std::filesystem::file_size(folder_.path() / "precious"), 4u);
}

TEST_F(Listening, TheSocketsModeIsTheOneAskedForWhateverTheUmask) {
  const mode_t before = ::umask(077);
  boost::asio::io_context io;
  for (const unsigned mode : {0600u, 0660u, 0666u}) {
    const std::filesystem::path path = folder_.path() / std::to_string(mode);
    const auto listener = peer::Listener::open(io, peer::UnixEndpoint{path.string()}, {mode});
    EXPECT_TRUE(listener) << listener.error().to_string();
    EXPECT_EQ(std::filesystem::status(path).permissions(), std::filesystem::perms(mode));
  }
  ::umask(before);
}

TEST_F(Listening, SaysWhereAndWhy) {
  const auto error = try_listen(peer::UnixEndpoint{"/nowhere/at/all.sock"}).error();
  EXPECT_EQ(error.to_string(),
            "cannot listen: unix:/nowhere/at/all.sock: No such file or directory");
  const auto port = try_listen(peer::TcpEndpoint{"127.0.0.1", 0}).value();
  EXPECT_NE(std::get<peer::TcpEndpoint>(port).port, 0);
}

}  // namespace
}  // namespace concordat::test
