// What the `recovery` commands say, as JSON and as text.
#include <nlohmann/json.hpp>

#include "deploy/cli/recovery_command.hpp"

namespace concordat::cli {

using keyservice::recovery::CustodianEvidence;
using keyservice::recovery::HolderState;
using keyservice::recovery::Phase;
using keyservice::recovery::ShownStatus;
using nlohmann::ordered_json;

namespace {

std::string_view phase_of(const ShownStatus& status) {
  if (status.has_root) return "has_root";
  switch (status.phase) {
    case Phase::idle:
      return "not_begun";
    case Phase::attested:
      return "attested";
    case Phase::collecting:
      return "collecting";
  }
  return "unknown";
}

std::size_t shares_in(const ShownStatus& status) {
  return static_cast<std::size_t>(std::ranges::count_if(
      status.holders, [](const HolderState& holder) { return holder.is_in; }));
}

std::string line_of(const HolderState& holder) {
  std::string out = "  " + holder.name + ": " + (holder.is_in ? "in" : "not in");
  if (holder.refused == 0) return out + "\n";
  return out + ", " + std::to_string(holder.refused) + " refused, last " + holder.last_refusal +
         "\n";
}

}  // namespace

ordered_json to_json(const policy::MakeOrder& order) {
  return {{"kind", "make"},
          {"realm", order.realm},
          {"policy", order.policy.hex()},
          {"set", order.set.hex()},
          {"generation", order.generation},
          {"replaces", order.replaces ? ordered_json(order.replaces->hex()) : ordered_json()},
          {"challenge", order.challenge.hex()},
          {"not_after", base::format_rfc3339(order.not_after)}};
}

ordered_json to_json(const policy::RestoreOrder& order) {
  return {{"kind", "restore"},
          {"realm", order.realm},
          {"policy", order.policy.hex()},
          {"set", order.set.hex()},
          {"set_digest", order.set_digest.hex()},
          {"generation", order.generation},
          {"target", order.target.hex()},
          {"challenge", order.challenge.hex()},
          {"not_after", base::format_rfc3339(order.not_after)}};
}

std::string to_text(const policy::MakeOrder& order) {
  return "order      make set " + order.set.hex() + " of root generation " +
         std::to_string(order.generation) + "\nreplaces   " +
         (order.replaces ? order.replaces->hex() : "none") + "\nrealm      " + order.realm +
         "\npolicy     " + order.policy.hex() + "\nnot after  " +
         base::format_rfc3339(order.not_after) + "\n";
}

std::string to_text(const policy::RestoreOrder& order) {
  return "order      restore root generation " + std::to_string(order.generation) + " from set " +
         order.set.hex() + "\nset digest " + order.set_digest.hex() + "\ntarget     " +
         order.target.hex() + "\nrealm      " + order.realm + "\npolicy     " + order.policy.hex() +
         "\nnot after  " + base::format_rfc3339(order.not_after) + "\n";
}

ordered_json to_json(const CustodianEvidence& who) {
  return {{"role", who.role},
          {"image", who.image},
          {"module_id", who.module_id},
          {"made", base::format_rfc3339(who.made)}};
}

ordered_json to_json(const ShownStatus& status) {
  ordered_json out = {
      {"phase", phase_of(status)},
      {"has_root", status.has_root},
      {"target", status.target ? ordered_json(status.target->hex()) : ordered_json()},
      {"order", nullptr}};
  if (status.order) {
    out["order"] = {{"set", status.order->set.hex()},
                    {"set_digest", status.order->set_digest.hex()},
                    {"generation", status.order->generation},
                    {"not_after", base::format_rfc3339(status.order->not_after)}};
  }
  out["threshold"] = status.threshold;
  out["shares"] = shares_in(status);
  out["holders"] = ordered_json::array();
  for (const HolderState& holder : status.holders) {
    out["holders"].push_back(
        {{"name", holder.name},
         {"in", holder.is_in},
         {"refused", holder.refused},
         {"last_refusal",
          holder.last_refusal.empty() ? ordered_json() : ordered_json(holder.last_refusal)}});
  }
  out["not_authentic"] = status.not_authentic;
  return out;
}

std::string to_text(const ShownStatus& status) {
  if (status.has_root) return "the custodian has its root; nothing is collected\n";
  if (!status.target) return "no root, and no key attested to: begin with `recovery attest`\n";
  std::string out = "target     " + status.target->hex() + "\n";
  if (!status.order) return out + "no order yet: `recovery order restore`, `sign`, `restore`\n";
  out += "set        " + status.order->set.hex() + ", root generation " +
         std::to_string(status.order->generation) + "\nnot after  " +
         base::format_rfc3339(status.order->not_after) + "\nshares     " +
         std::to_string(shares_in(status)) + " of " + std::to_string(status.threshold) + "\n";
  for (const HolderState& holder : status.holders)
    out += line_of(holder);
  if (status.not_authentic != 0) {
    out += std::to_string(status.not_authentic) + " contributions were nobody's\n";
  }
  return out;
}

}  // namespace concordat::cli
