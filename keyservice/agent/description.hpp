// agent.openapi.json, as the build put it into the program.
#pragma once

#include <string_view>

namespace concordat::keyservice::agent {

[[nodiscard]] std::string_view description() noexcept;

}  // namespace concordat::keyservice::agent
