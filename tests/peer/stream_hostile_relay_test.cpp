// The hostile relay once more, between real processes over real sockets: it plays each trick on
// each message of a handshake and on the first records, keeps everything that it carries, and must
// come away with nothing admitted that was spoilt and no byte of the secret.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "attest/base/descriptor.hpp"
#include "deploy/lab/pki.hpp"
#include "peer/frame.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::Descriptor;

constexpr const char* kSecret = "a-secret-that-no-relay-may-read";
constexpr int kPatienceMs = 20'000;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

Descriptor connect_to(const std::string& path) {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(path);
  EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
            0);
  return socket;
}

// A process of ours and what it prints.
class Child {
 public:
  explicit Child(std::vector<std::string> command) {
    int ends[2];
    EXPECT_EQ(::pipe(ends), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::close(ends[0]);
      ::close(ends[1]);
      std::vector<char*> arguments;
      for (std::string& word : command)
        arguments.push_back(word.data());
      arguments.push_back(nullptr);
      ::execv(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = Descriptor(ends[0]);
  }
  ~Child() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }
  // The next line, waited for; empty at the end.
  std::string line() {
    std::string text;
    char c = 0;
    pollfd ready{output_.get(), POLLIN, 0};
    while (::poll(&ready, 1, kPatienceMs) == 1 && ::read(output_.get(), &c, 1) == 1 && c != '\n') {
      text += c;
    }
    return text;
  }

 private:
  pid_t pid_ = -1;
  Descriptor output_;
};

enum class Way { to_responder, to_initiator };
using Trick = std::function<std::vector<Bytes>(Bytes)>;

// Reads frames from both sides, plays the trick on one of them, and passes the rest on.
class Relay {
 public:
  Relay(Descriptor initiator, Descriptor responder)
      : ends_{{std::move(initiator), {}}, {std::move(responder), {}}} {}

  // Until both sides are gone. `way` and `number` choose the frame: 0 is each side's first.
  void carry(Way way, std::size_t number, const Trick& trick) {
    way_ = way;
    number_ = number;
    while (ends_[0].open || ends_[1].open) {
      pollfd ready[2] = {{ends_[0].open ? ends_[0].socket.get() : -1, POLLIN, 0},
                         {ends_[1].open ? ends_[1].socket.get() : -1, POLLIN, 0}};
      if (::poll(ready, 2, kPatienceMs) <= 0) return;
      for (std::size_t side = 0; side < 2; ++side) {
        if (ready[side].revents != 0) read_from(side, trick);
      }
    }
  }
  [[nodiscard]] const Bytes& seen() const { return seen_; }
  [[nodiscard]] const std::vector<Bytes>& frames(Way way) const {
    return frames_[way == Way::to_responder ? 0 : 1];
  }

 private:
  struct End {
    Descriptor socket;
    Bytes partial;
    bool open = true;
  };

  void read_from(std::size_t side, const Trick& trick) {
    std::uint8_t buffer[65536];
    const ssize_t n = ::read(ends_[side].socket.get(), buffer, sizeof buffer);
    if (n <= 0) {
      ends_[side].open = false;
      ::shutdown(ends_[1 - side].socket.get(), SHUT_WR);
      return;
    }
    Bytes& partial = ends_[side].partial;
    base::append(partial, {buffer, static_cast<std::size_t>(n)});
    base::append(seen_, {buffer, static_cast<std::size_t>(n)});
    while (partial.size() >= kFrameHeaderSize) {
      const std::size_t size = kFrameHeaderSize + (std::size_t{partial[1]} << 16 |
                                                   std::size_t{partial[2]} << 8 | partial[3]);
      if (partial.size() < size) return;
      const auto end = partial.begin() + static_cast<std::ptrdiff_t>(size);
      pass_on(side, Bytes(partial.begin(), end), trick);
      partial.erase(partial.begin(), end);
    }
  }

  void pass_on(std::size_t side, Bytes frame, const Trick& trick) {
    const bool chosen =
        side == (way_ == Way::to_responder ? 0u : 1u) && frames_[side].size() == number_;
    frames_[side].push_back(frame);
    const std::size_t size = frame.size();
    const std::vector<Bytes> parts =
        chosen ? trick(std::move(frame)) : std::vector<Bytes>{std::move(frame)};
    std::size_t passed = 0;
    for (const Bytes& part : parts) {
      // A side that has gone is a side that refused: nothing more to tell it.
      (void)::send(ends_[1 - side].socket.get(), part.data(), part.size(), MSG_NOSIGNAL);
      passed += part.size();
    }
    // A message cut short is the end of the stream; one that is dropped is waited for.
    if (passed != 0 && passed < size) ::shutdown(ends_[1 - side].socket.get(), SHUT_WR);
  }

  End ends_[2];
  Way way_ = Way::to_responder;
  std::size_t number_ = 0;
  Bytes seen_;
  std::vector<Bytes> frames_[2];
};

class ProcessRelay : public testing::Test {
 protected:
  ProcessRelay()
      : pki_((folder_.path() / "pki").string()),
        custodian_path_((folder_.path() / "custodian").string()),
        relay_path_((folder_.path() / "relay").string()) {
    (void)lab::Pki::open(pki_, test::kNow).value();
    responder_ = std::make_unique<Child>(
        std::vector<std::string>{kProgram, "respond", custodian_path_, pki_});
    EXPECT_EQ(responder_->line(), "listening");
    listener_ = Descriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const sockaddr_un address = address_of(relay_path_);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    EXPECT_EQ(::listen(listener_.get(), 8), 0);
  }

  struct Outcome {
    std::string initiator;               // its last line
    bool answered = false;               // the secret went there and came back
    std::vector<std::string> responder;  // "admitted ..", "ended .."
    std::vector<Bytes> to_responder, to_initiator;
    Bytes seen;
  };

  Outcome run(Way way, std::size_t number, const Trick& trick) {
    Child initiator({kProgram, "initiate", relay_path_, pki_, kSecret});
    Relay relay(Descriptor(::accept(listener_.get(), nullptr, nullptr)),
                connect_to(custodian_path_));
    relay.carry(way, number, trick);
    Outcome out;
    for (std::string line = initiator.line(); !line.empty(); line = initiator.line()) {
      out.answered |= line == "answered";
      out.initiator = line;
    }
    for (std::string line = responder_->line(); !line.empty(); line = responder_->line()) {
      out.responder.push_back(line);
      if (line.starts_with("ended")) break;
    }
    out.to_responder = relay.frames(Way::to_responder);
    out.to_initiator = relay.frames(Way::to_initiator);
    out.seen = relay.seen();
    return out;
  }

  static void expect_nothing_leaked(const Outcome& out, const std::string& what) {
    const base::BytesView secret = base::as_bytes(kSecret);
    EXPECT_EQ(std::search(out.seen.begin(), out.seen.end(), secret.begin(), secret.end()),
              out.seen.end())
        << what;
  }

  static constexpr const char* kProgram = CONCORDAT_STREAM_PROCESS;
  test::TemporaryFolder folder_;
  std::string pki_, custodian_path_, relay_path_;
  std::unique_ptr<Child> responder_;
  Descriptor listener_;
};

std::vector<Bytes> honest(Bytes frame) {
  return {std::move(frame)};
}

TEST_F(ProcessRelay, AnHonestRelayCarriesTheSecretAndSeesNone) {
  const Outcome out = run(Way::to_responder, 0, honest);
  EXPECT_TRUE(out.answered);
  EXPECT_EQ(out.initiator, "ended closed");
  EXPECT_EQ(out.responder, (std::vector<std::string>{"admitted payments", "ended closed"}));
  expect_nothing_leaked(out, "honest");
}

TEST_F(ProcessRelay, EveryTrickOnEveryMessageIsNoticed) {
  const Outcome recorded = run(Way::to_responder, 0, honest);
  ASSERT_TRUE(recorded.answered);
  struct Named {
    const char* name;
    std::function<Trick(const Bytes& replayed, const Bytes& reflected)> make;
  };
  const std::vector<Named> tricks{
      {"flip",
       [](const Bytes&, const Bytes&) -> Trick {
         return [](Bytes f) {
           f.back() ^= 1;
           return std::vector<Bytes>{f};
         };
       }},
      {"duplicate",
       [](const Bytes&, const Bytes&) -> Trick {
         return [](const Bytes& f) { return std::vector<Bytes>{f, f}; };
       }},
      {"truncate",
       [](const Bytes&, const Bytes&) -> Trick {
         return [](Bytes f) {
           f.resize(f.size() / 2);
           return std::vector<Bytes>{f};
         };
       }},
      {"replay",
       [](const Bytes& old, const Bytes&) -> Trick {
         return [old](const Bytes&) { return std::vector<Bytes>{old}; };
       }},
      {"reflect",
       [](const Bytes&, const Bytes& own) -> Trick {
         return [own](const Bytes&) { return std::vector<Bytes>{own}; };
       }},
  };
  // Each side: two handshake messages, then its first record and its close record.
  for (const Way way : {Way::to_responder, Way::to_initiator}) {
    const auto& theirs = way == Way::to_responder ? recorded.to_responder : recorded.to_initiator;
    const auto& own = way == Way::to_responder ? recorded.to_initiator : recorded.to_responder;
    for (std::size_t number = 0; number < 3; ++number) {
      for (const Named& trick : tricks) {
        const std::string what = std::string(trick.name) + " frame " + std::to_string(number) +
                                 (way == Way::to_responder ? " to R" : " to I");
        const Outcome out = run(way, number, trick.make(theirs[number], own[number]));
        // A record sent twice is answered once and then ends the channel in an error.
        const bool second_copy = std::string_view(trick.name) == "duplicate" && number >= 1;
        EXPECT_FALSE(out.answered && !second_copy) << what;
        ASSERT_FALSE(out.responder.empty()) << what;
        EXPECT_FALSE(out.initiator == "ended closed" && out.responder.back() == "ended closed")
            << what;
        expect_nothing_leaked(out, what);
      }
    }
  }
}

TEST_F(ProcessRelay, ADroppedMessageTimesOutOnBothSides) {
  const Outcome out = run(Way::to_responder, 1, [](const Bytes&) { return std::vector<Bytes>(); });
  EXPECT_FALSE(out.answered);
  EXPECT_TRUE(out.initiator == "ended timed_out" || out.initiator == "ended truncated")
      << out.initiator;
  EXPECT_EQ(out.responder.size(), 1u) << "never admitted";
  expect_nothing_leaked(out, "dropped");
}

}  // namespace
}  // namespace concordat::peer
