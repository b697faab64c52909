// The parser's verdicts for schema_test.py, thousands a second.
//
//   policy_verdicts samples   prints {"sample": text, "full": text}
//   policy_verdicts           reads policy files from standard input, one a line in base64, and
//   prints
//                             {"code", "pointer", "line", "column", "message"} of the first finding
//                             of each, or {"code": "accepted"}
#include <iostream>
#include <nlohmann/json.hpp>

#include "policy/parse.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat {
namespace {

using Json = nlohmann::ordered_json;

Json samples() {
  const test::TestAuthority authority;
  return {{"sample", test::sample_policy(authority.descriptor())},
          {"full", test::full_policy(authority.descriptor())}};
}

Json verdict(std::string_view text) {
  const policy::ParsedPolicy parsed = policy::parse_policy(text);
  if (parsed.model) return {{"code", "accepted"}};
  const policy::Finding& first = parsed.findings.front();
  return {{"code", describe(first.code).name},
          {"pointer", first.shown_pointer()},
          {"line", first.line},
          {"column", first.column},
          {"message", first.message}};
}

}  // namespace
}  // namespace concordat

int main(int argc, char** argv) {
  using namespace concordat;
  if (argc == 2 && std::string_view(argv[1]) == "samples") {
    std::cout << samples().dump() << "\n";
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    const auto text = base::from_base64(line);
    if (!text) {
      std::cerr << text.error().to_string() << "\n";
      return 1;
    }
    std::cout << verdict(base::as_text(*text)).dump() << "\n";
  }
  return 0;
}
