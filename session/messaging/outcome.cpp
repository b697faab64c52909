#include "session/messaging/outcome.hpp"

namespace concordat::session::messaging {

std::string_view name_of(Reason reason) noexcept {
  switch (reason) {
    case Reason::unreachable:
      return "unreachable";
    case Reason::broke_rules:
      return "broke_rules";
    case Reason::results_differ:
      return "results_differ";
    case Reason::failed:
      return "failed";
    case Reason::ended_by_another:
      return "ended_by_another";
    case Reason::convicted:
      return "convicted";
  }
  return "unknown";
}

std::string to_string(const Stop& stop) {
  std::string out(name_of(stop.reason));
  if (!stop.parties.empty()) out += stop.parties.size() == 1 ? ": party " : ": parties ";
  for (std::size_t i = 0; i < stop.parties.size(); ++i)
    out += (i == 0 ? "" : ", ") + std::to_string(stop.parties[i]);
  out += " in round " + std::to_string(stop.round);
  if (stop.error.code()) out += ": " + stop.error.to_string();
  return out;
}

std::string to_string(PartyIndex guilty, const Conviction& conviction) {
  const Evidence& evidence = conviction.evidence;
  std::string out;
  if (guilty == accuser_of(evidence)) {
    out = "false accusation";
  } else if (std::holds_alternative<Equivocation>(evidence)) {
    out = "equivocation";
  } else {
    out = std::holds_alternative<BadLetter>(evidence) ? "bad letter" : "bad broadcast";
  }
  return out + " by party " + std::to_string(guilty) + " in round " +
         std::to_string(round_of(evidence));
}

}  // namespace concordat::session::messaging
