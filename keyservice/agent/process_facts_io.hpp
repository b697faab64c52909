// What the operating system says of this process and of a socket's file.
#pragma once

#include "keyservice/agent/health.hpp"

namespace concordat::keyservice::agent {

[[nodiscard]] ProcessFacts process_facts();
[[nodiscard]] SocketFacts socket_facts(const std::string& path);

}  // namespace concordat::keyservice::agent
