// One side of a handshake as a process of its own, for stream_hostile_relay_test:
//   stream_process respond  SOCKET PKI_FOLDER            answers every record with itself; prints
//                                                        "admitted" and "ended CODE" for each
//                                                        stream
//   stream_process initiate SOCKET PKI_FOLDER SECRET     sends SECRET; prints "answered" when it
//   came
//                                                        back, then "ended CODE"
// Both are enclaves of the sample policy under the PKI in PKI_FOLDER, at the policy's own time.
#include <csignal>
#include <cstdio>
#include <cstring>

#include "attest/base/secret_access.hpp"
#include "attest/custom_root.hpp"
#include "peer/secure_stream_io.hpp"
#include "tests/support/party_fixture.hpp"

namespace {

using namespace concordat;

// A relay that holds messages back must be noticed while the test waits for it.
constexpr peer::StreamTimeouts kTimeouts{std::chrono::seconds(2)};
constexpr std::chrono::milliseconds kConnect = std::chrono::seconds(5);

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

std::string name_of(const base::Status& status) {
  return status ? "closed" : std::string(status.error().name());
}

class Process {
 public:
  Process(const char* pki, const std::string& image, const std::string& role)
      : world_(pki), enclave_(world_, image, role), policies_(world_.authority.descriptor()) {
    (void)policies_.install(world_.envelope(1), world_.wall).value();
    party_.role = role;
    party_.own_pcr16 = world_.authority.descriptor().pcr16();
    party_.anchors = &world_.anchors;
    party_.chain_cache = &world_.cache;
    party_.random = &world_.random;
    party_.policies = &policies_;
    party_.clock = [this]() -> base::Result<peer::Now> { return world_.now(); };
    nsm_.emplace(enclave_.nsm(), io_, peer::kMaxHalfOpen);
  }

  int respond(const peer::Endpoint& endpoint) {
    auto listener = peer::Listener::open(io_, endpoint).value();
    listener->start([this](peer::StreamSocket socket, const peer::PeerAddress&) {
      auto stream = std::make_shared<std::shared_ptr<peer::SecureStream>>();
      peer::SecureStream::Events events;
      events.established = [](const policy::AdmittedPeer& peer) { say("admitted " + peer.role()); };
      events.record = [stream](const base::SecretBytes& record) {
        if (!(*stream)->send(record.expose(base::SecretAccess{}))) say("cannot answer");
      };
      events.ended = [stream](const base::Status& status) {
        say("ended " + name_of(status));
        stream->reset();
      };
      *stream = peer::SecureStream::respond(std::move(socket), party_, *nsm_, std::move(events),
                                            kTimeouts);
    });
    say("listening");
    io_.run();
    return 0;
  }

  int initiate(const peer::Endpoint& endpoint, const std::string& secret) {
    int status = 1;
    std::shared_ptr<peer::SecureStream> stream;
    peer::async_connect(io_, endpoint, kConnect, [&](base::Result<peer::StreamSocket> socket) {
      if (!socket) return say("ended " + std::string(socket.error().name()));
      peer::SecureStream::Events events;
      events.established = [&](const policy::AdmittedPeer&) {
        if (!stream->send(base::as_bytes(secret))) say("cannot send");
      };
      events.record = [&](const base::SecretBytes& record) {
        if (base::equal(record.expose(base::SecretAccess{}), base::as_bytes(secret))) {
          say("answered");
          status = 0;
        }
        stream->close();
      };
      events.ended = [&](const base::Status& ended) {
        say("ended " + name_of(ended));
        io_.stop();
      };
      stream = peer::SecureStream::initiate(*std::move(socket), party_, *nsm_, "keys",
                                            std::move(events), kTimeouts);
    });
    io_.run();
    return status;
  }

 private:
  test::TestWorld world_;
  test::TestEnclave enclave_;
  policy::PolicyInForce policies_;
  peer::Party party_;
  boost::asio::io_context io_{1};
  std::optional<peer::NsmWorker> nsm_;
};

}  // namespace

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const bool responds = argc == 4 && std::strcmp(argv[1], "respond") == 0;
  const bool initiates = argc == 5 && std::strcmp(argv[1], "initiate") == 0;
  if (!responds && !initiates) return 1;
  const peer::Endpoint endpoint = peer::UnixEndpoint{argv[2]};
  if (responds) return Process(argv[3], "custodian-1", "custodian").respond(endpoint);
  return Process(argv[3], "payments-1", "payments").initiate(endpoint, argv[4]);
}
