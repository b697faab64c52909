#include "policy/describe.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {
namespace {

std::string session_pins(const std::optional<std::vector<Pin>>& pins, const char* what) {
  if (!pins) return std::string("any ") + what;
  std::vector<std::string> texts;
  for (const Pin& pin : *pins)
    texts.push_back(pin.text);
  return joined(texts, std::string("no ") + what);
}

}  // namespace

std::string sessions_text(const Model& model) {
  std::string out;
  for (const auto& [name, rule] : model.sessions) {
    out +=
        "  " + name + ": sessions " + rule.id + " by " + rule.protocol + "\n    own roles  " +
        joined(rule.own_roles, "none: nobody takes part") + "\n    runs       " +
        (rule.runs_per_input ? "at most " + std::to_string(*rule.runs_per_input) + " of one input"
                             : std::string("as many of one input as are asked for")) +
        "\n";
    for (const auto& [realm, entry] : rule.realms) {
      out +=
          "    realm      " + realm + ", authority " + entry.authority.hex().substr(0, 16) + "..\n";
      for (const auto& [role, evidence] : entry.roles) {
        std::vector<std::string> images;
        for (const std::uint32_t index : evidence.images)
          images.push_back(model.images[index].name);
        out += "      role " + role + ": images " + joined(images, "none") + "; " +
               session_pins(evidence.accounts, "account") + "; " +
               session_pins(evidence.instances, "instance") + "\n";
      }
    }
  }
  return out;
}

}  // namespace concordat::policy
