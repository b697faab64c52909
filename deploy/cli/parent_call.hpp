// How a command talks to a parent's operator endpoint: one HTTP exchange, made by whoever wires the
// program (the commands themselves do no I/O on sockets), and what its answer means.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "peer/endpoint.hpp"

namespace concordat::cli {

enum class ParentErrc { refused = 1, unreachable, not_understood };
[[nodiscard]] base::CodeInfo describe(ParentErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ParentErrc) {
  return "parent";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ParentErrc e) {
  return base::enum_code(e);
}

struct ParentRequest {
  std::string method, target;
  std::string body{};
  bool only_new = false;  // of what is put: not where there is something
  std::string version{};  // of what is removed: that very one
};
struct ParentAnswer {
  unsigned status = 0;
  std::string body;
};
// Blocks for a bounded time.
using ParentCall =
    std::function<base::Result<ParentAnswer>(const peer::Endpoint&, const ParentRequest&)>;

// `text` as a place where a parent may listen for operators: a Unix socket, or TCP through a tunnel
// of the operator's own. Anything else is an error of use.
[[nodiscard]] base::Result<peer::Endpoint> operator_endpoint(const std::string& text);

// The JSON object of an answer with status 200. unreachable; refused with the parent's own code and
// words; not_understood.
[[nodiscard]] base::Result<nlohmann::json> ask_parent(const ParentCall& call,
                                                      const peer::Endpoint& endpoint,
                                                      const ParentRequest& request);

}  // namespace concordat::cli
