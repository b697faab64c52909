// The agent of tests/client/fake_agent.hpp as a program: `fake_agent SOCKET [DENIED...]`, where
// DENIED is such as "decrypt cards/vault". Says "ready" and serves until its input ends.
#include <cstdio>

#include "tests/client/fake_agent.hpp"

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("fake_agent SOCKET [DENIED...]\n", stderr);
    return 1;
  }
  concordat::test::FakeAgent agent(argv[1]);
  for (int i = 2; i < argc; ++i)
    agent.deny(argv[i]);
  std::puts("ready");
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
