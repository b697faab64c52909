// The agent's whole world in a process, for tests in other languages: listens on FOLDER/agent and
// on loopback TCP, says "ready PORT", and ends with its standard input, whose lines say what
// becomes of it: "stop-custodian", "stop-link"; each is answered "done". The root is the same in
// every run.
//
//   agent_process FOLDER [PATTERN:OPERATION,OPERATION...[:LIMIT]]...   grants beside payments/*
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <cstdio>
#include <istream>

#include "tests/agent/agent_world.hpp"

namespace {

using namespace concordat;

void say(const std::string& line) {
  std::puts(line.c_str());
  std::fflush(stdout);
}

bool add_grant(test::AgentWorld& world, const std::string& grant) {
  const std::size_t colon = grant.find(':');
  if (colon == std::string::npos) return false;
  const std::size_t second = grant.find(':', colon + 1);
  const bool limited = second != std::string::npos;
  world.grant(grant.substr(0, colon), grant.substr(colon + 1, second - colon - 1),
              limited ? grant.substr(second + 1) : "\"none\"");
  return true;
}

class Commands {
 public:
  explicit Commands(test::AgentWorld& world)
      : world_(world), input_(world.io, ::dup(STDIN_FILENO)) {}

  void read() {
    boost::asio::async_read_until(input_, buffer_, '\n',
                                  [this](boost::system::error_code error, std::size_t) {
                                    if (error) return world_.io.stop();
                                    std::string line;
                                    std::istream stream(&buffer_);
                                    std::getline(stream, line);
                                    obey(line);
                                    read();
                                  });
  }

 private:
  void obey(const std::string& line) {
    if (line == "stop-custodian") world_.custodian->stop();
    if (line == "stop-link") world_.link->stop();
    say("done");
  }

  test::AgentWorld& world_;
  boost::asio::posix::stream_descriptor input_;
  boost::asio::streambuf buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 1;
  test::AgentWorld world(argv[1]);
  for (int i = 2; i < argc; ++i)
    if (!add_grant(world, argv[i])) return 1;
  world.create("payments/agreement", keyservice::KeyType::x25519);
  world.create("payments/handed-over", keyservice::KeyType::aes256, true);
  world.create("payments/disabled", keyservice::KeyType::aes256);
  world.disable("payments/disabled");
  auto tcp = peer::Listener::open(world.io, peer::TcpEndpoint{"127.0.0.1", 0}).value();
  const auto port = std::get<peer::TcpEndpoint>(tcp->local()).port;
  world.agent->serve(std::move(tcp));
  world.start();
  world.run_until([&] { return world.link->state().has_value(); });
  Commands commands(world);
  commands.read();
  say("ready " + std::to_string(port));
  world.io.run();
  return 0;
}
