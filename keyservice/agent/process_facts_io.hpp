// What the operating system says of this process and of a socket's file.
#pragma once

#include "keyservice/agent/health.hpp"

namespace concordat::keyservice::agent {

[[nodiscard]] ProcessFacts process_facts();
// From proc(5). not_ready: it is not there, or /proc is not.
[[nodiscard]] base::Result<unsigned> effective_user_of(int process);
[[nodiscard]] SocketFacts socket_facts(const std::string& path);

}  // namespace concordat::keyservice::agent
