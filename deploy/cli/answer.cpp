#include "deploy/cli/answer.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "attest/eif.hpp"
#include "deploy/token/errc.hpp"
#include "peer/error.hpp"

namespace concordat::cli {
namespace {

// A way that is not there, or broke: nobody judged anything.
bool is_of_the_way(const base::Error& error) {
  const std::string_view category = error.code().category().name();
  return category == "stream" || category == "http" || category == "relay" ||
         error.code().category() == boost::system::system_category() ||
         error.is(ParentErrc::unreachable) || error.is(peer::Errc::timed_out) ||
         error.is(peer::Errc::truncated);
}

bool is_input_or_output(const base::Error& error) {
  return is_of_the_way(error) || error.is(base::FileErrc::cannot_read) ||
         error.is(base::FileErrc::cannot_write) || error.is(attest::EifErrc::unreadable) ||
         token::is_input_or_output(error);
}

}  // namespace

ExitStatus answer(const Invocation& invocation, bool json, const nlohmann::ordered_json& fields,
                  const std::string& text) {
  if (!json) {
    invocation.out << text;
    return ExitStatus::done;
  }
  nlohmann::ordered_json out = {{"ok", true}};
  out.update(fields);
  print_json(invocation, out);
  return ExitStatus::done;
}

void print_json(const Invocation& invocation, const nlohmann::ordered_json& object) {
  invocation.out << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

ExitStatus status_of_failure(const base::Error& error) {
  return is_input_or_output(error) ? ExitStatus::usage_or_io : ExitStatus::refused;
}

ExitStatus answer_failure(const Invocation& invocation, bool json, std::string_view what,
                          const base::Error& error) {
  (void)fail(invocation, what, error);
  if (json) {
    print_json(invocation, {{"ok", false}, {"code", error.name()}, {"error", error.to_string()}});
  }
  return status_of_failure(error);
}

}  // namespace concordat::cli
