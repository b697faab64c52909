// The agent's whole world in a process, for tests in other languages: listens on FOLDER/agent, says
// "ready", and ends with its standard input. The root is the same in every run.
#include <cstdio>

#include <boost/asio/posix/stream_descriptor.hpp>

#include "tests/agent/agent_world.hpp"

int main(int argc, char** argv) {
  using namespace concordat;
  if (argc != 2) return 1;
  test::AgentWorld world(argv[1]);
  world.start();
  world.run_until([&] { return world.link->state().has_value(); });
  std::puts("ready");
  std::fflush(stdout);
  boost::asio::posix::stream_descriptor input(world.io, ::dup(STDIN_FILENO));
  input.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                   [&](boost::system::error_code) { world.io.stop(); });
  world.io.run();
  return 0;
}
