#include "keyservice/enclave_names.hpp"

#include <algorithm>

#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "peer/relay_preface.hpp"

namespace concordat::keyservice {

using base::Error;

base::Result<std::vector<std::string>> parse_enclave_names(std::string_view setting,
                                                           std::string_view text) {
  const auto fail = [&](const std::string& why) {
    return Error(Errc::bad_setting, std::string(setting) + ": " + why);
  };
  std::vector<std::string> names;
  for (;;) {
    const std::size_t comma = text.find(',');
    std::string name(text.substr(0, comma));
    if (!peer::is_enclave_name(name)) {
      return fail("'" + name + "' is no name of an enclave; want names with commas between");
    }
    if (std::ranges::find(names, name) != names.end()) return fail("'" + name + "' twice");
    names.push_back(std::move(name));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  if (names.size() > kMaxCustodians) {
    return fail("more than " + std::to_string(kMaxCustodians) + " names");
  }
  return names;
}

}  // namespace concordat::keyservice
