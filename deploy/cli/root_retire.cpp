// concordat root retire
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/recovery_command.hpp"
#include "deploy/cli/root_command.hpp"
#include "keyservice/error.hpp"
#include "peer/relay_preface.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::Status;
using nlohmann::ordered_json;

struct RetireOptions {
  KeysOptions at;
  std::uint32_t generation = 0;
  std::vector<std::string> also, unreachable_ok, sets;
  bool is_listing = false;
  bool without_set = false;
};

// What one custodian said, or why it said nothing.
struct Asked {
  std::string name;
  Status answer;
  bool may_lack = false;  // the operator says that it need not be asked

  [[nodiscard]] bool is_refusal() const {
    return !answer && answer.error().is(keyservice::Errc::refused_by_custodian);
  }
  [[nodiscard]] bool is_in_the_way() const { return is_refusal() || (!answer && !may_lack); }
};

struct Retirement {
  std::vector<Asked> custodians;
  std::string recovery;  // which set restores then, in words
  ordered_json recovery_set;
};

// --- Whom to ask ---

bool serves_keys(const policy::Model& model, const std::string& role) {
  const auto keys = model.purposes.find(policy::kKeysPurpose);
  return keys != model.purposes.end() && std::ranges::count(keys->second.responder, role) != 0;
}

// Names are for the relay; who answers must show that it is a custodian.
void take_name(std::set<std::string>& names, const nlohmann::json& name) {
  if (!name.is_string()) return;
  const std::string text = name.get<std::string>();
  if (peer::is_enclave_name(text)) names.insert(text);
}

void take_configured(std::set<std::string>& names, const nlohmann::json& status,
                     const policy::Model& model) {
  const nlohmann::json none = nlohmann::json::object();
  const auto member = [&](const nlohmann::json& of, const char* name) -> const nlohmann::json& {
    return of.is_object() && of.contains(name) ? of.at(name) : none;
  };
  for (const auto& [name, enclave] : member(member(status, "topology"), "enclaves").items()) {
    const nlohmann::json& role = member(enclave, "role");
    if (role.is_string() && serves_keys(model, role.get<std::string>())) take_name(names, name);
  }
}

// A parent without a store announces nobody.
Status take_announced(std::set<std::string>& names, const Invocation& invocation,
                      const Operator& self) {
  const auto answer = invocation.call_parent(self.parent(), {"GET", "/v1/custodians"});
  if (!answer) return Error(ParentErrc::unreachable, answer.error().to_string());
  if (answer->status == 404 || answer->status == 405) return {};
  CONCORDAT_TRY(const nlohmann::json announced,
                ask_parent(invocation.call_parent, self.parent(), {"GET", "/v1/custodians"}));
  if (!announced.contains("custodians") || !announced.at("custodians").is_array()) {
    return Error(ParentErrc::not_understood, "custodians");
  }
  for (const nlohmann::json& one : announced.at("custodians")) {
    if (one.is_object() && one.contains("name")) take_name(names, one.at("name"));
  }
  return {};
}

Result<std::set<std::string>> custodians(const RetireOptions& options, const Invocation& invocation,
                                         const Operator& self) {
  std::set<std::string> out(options.also.begin(), options.also.end());
  if (!options.at.at.enclave.empty()) out.insert(options.at.at.enclave);
  CONCORDAT_TRY(const nlohmann::json status,
                ask_parent(invocation.call_parent, self.parent(), {"GET", "/v1/status"}));
  take_configured(out, status, self.policy()->model());
  CONCORDAT_CHECK(take_announced(out, invocation, self));
  for (const std::string& name : out) {
    if (!peer::is_enclave_name(name)) return Error(peer::PrefaceErrc::bad_target, name);
  }
  for (const std::string& name : options.unreachable_ok) {
    if (out.contains(name)) continue;
    return Error(RetireErrc::not_among_them, "--unreachable-ok '" + name + "'");
  }
  if (!out.empty()) return out;
  return Error(RetireErrc::no_custodian, "name it with --also");
}

// --- Recovery sets ---

// Whether as many of its holders as it takes are still the policy's.
bool restores(const keyservice::recovery::RecoverySet& set, const policy::Recovery& recovery) {
  const auto still = std::ranges::count_if(set.holders(), [&](const auto& holder) {
    const auto named = recovery.holders.find(holder.name);
    return named != recovery.holders.end() && named->second == holder.key;
  });
  return static_cast<std::size_t>(still) >= set.threshold();
}

Status check_sets(const RetireOptions& options, const policy::Model& model, Retirement& out) {
  if (!model.recovery) {
    out.recovery = "none: the policy names no holders";
    return {};
  }
  std::string seen;
  for (const std::string& path : options.sets) {
    CONCORDAT_TRY(const auto set, read_set(path));
    const bool is_later = set.realm() == model.realm && set.generation() > options.generation &&
                          model.root(set.generation()) != nullptr;
    if (is_later && restores(set, *model.recovery)) {
      out.recovery = "set " + set.id().hex() + " of generation " + std::to_string(set.generation());
      out.recovery_set = set.id().hex();
      return {};
    }
    seen += path + (is_later ? ": too few of its holders are the policy's; "
                             : ": of generation " + std::to_string(set.generation()) +
                                   " of realm " + set.realm() + "; ");
  }
  if (options.without_set) {
    out.recovery = "NONE, as you say: when KMS is lost, so is the root";
    return {};
  }
  return Error(RetireErrc::no_recovery_set,
               seen +
                   "make one with `concordat recovery order make --generation N`, `recovery "
                   "sign`, `recovery make --out FILE`, and show it with --set FILE");
}

// --- Asking ---

// By module id. A name is the parent's word, who might lead two to one custodian and so hide
// another.
using Answered = std::map<std::string, std::string, std::less<>>;

Status ask_one(const RetireOptions& options, Operator& self, const std::string& name,
               Answered& answered) {
  self.turn_to(name);
  CONCORDAT_TRY(const auto channel, self.dial());
  const auto [other, is_new] = answered.emplace(channel->enclave().module_id(), name);
  if (!is_new) {
    return Error(RetireErrc::same_custodian,
                 "enclave " + other->first + " answers to " + other->second + ", too");
  }
  CONCORDAT_CHECK(channel->ask({0, keyservice::RetireRootRequest{options.generation}}));
  return {};
}

void ask_all(const RetireOptions& options, Operator& self, const std::set<std::string>& names,
             Retirement& out) {
  Answered answered;
  for (const std::string& name : names) {
    out.custodians.push_back({name, ask_one(options, self, name, answered),
                              std::ranges::count(options.unreachable_ok, name) != 0});
  }
}

// --- What came of it ---

ordered_json to_json(const Asked& one) {
  ordered_json out = {{"name", one.name}, {"asked", one.answer || one.is_refusal()}};
  if (one.answer) return out;
  out["code"] = operators_code(one.answer.error());
  out["error"] = one.answer.error().to_string();
  if (!one.is_in_the_way()) out["unreachable_ok"] = true;
  return out;
}

std::string to_text(const Asked& one, std::uint32_t generation) {
  const std::string of = " generation " + std::to_string(generation);
  if (one.answer) return one.name + ": can do without" + of + "\n";
  const char* const how = one.is_refusal()      ? ": NEEDS IT: "
                          : one.is_in_the_way() ? ": NOT ASKED: "
                                                : ": not asked, as you say: ";
  return one.name + how + one.answer.error().to_string() + "\n";
}

// The first custodian's own refusal before any that was not reached.
const Asked* in_the_way(const Retirement& all) {
  const auto refusal = std::ranges::find_if(all.custodians, &Asked::is_refusal);
  if (refusal != all.custodians.end()) return &*refusal;
  const auto lacking = std::ranges::find_if(all.custodians, &Asked::is_in_the_way);
  if (lacking != all.custodians.end()) return &*lacking;
  // Somebody must have been asked.
  const bool is_answered =
      std::ranges::any_of(all.custodians, [](const Asked& one) { return one.answer.has_value(); });
  return is_answered ? nullptr : &all.custodians.front();
}

ExitStatus report(const RetireOptions& options, const Invocation& invocation,
                  const Retirement& all) {
  const std::string number = std::to_string(options.generation);
  ordered_json fields = {{"generation", options.generation}, {"recovery_set", all.recovery_set}};
  std::string text;
  fields["custodians"] = ordered_json::array();
  for (const Asked& one : all.custodians) {
    fields["custodians"].push_back(to_json(one));
    text += to_text(one, options.generation);
  }
  text += "recovery: " + all.recovery + "\n";
  const Asked* const why = in_the_way(all);
  if (why == nullptr) {
    return answer(invocation, options.at.json, fields,
                  text + "now `concordat policy set --retire-root " + number + "`, and sign\n");
  }
  if (!options.at.json) invocation.out << text;
  return answer_operators_failure(invocation, options.at.json, "root retire: " + why->name,
                                  why->answer.error(), &fields);
}

ExitStatus list(const RetireOptions& options, const Invocation& invocation,
                const std::set<std::string>& names) {
  std::string text;
  for (const std::string& name : names)
    text += name + "\n";
  return answer(invocation, options.at.json, {{"custodians", names}}, text);
}

ExitStatus retire(const RetireOptions& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_operators_failure(invocation, options.at.json, "root retire", error);
  };
  OperatorOptions at = options.at.at;
  if (at.enclave.empty()) at.enclave = OperatorOptions().enclave;
  const auto self = Operator::open(at, invocation);
  if (!self) return refuse(self.error());
  const auto names = custodians(options, invocation, **self);
  if (!names) return refuse(names.error());
  if (options.is_listing) return list(options, invocation, *names);
  Retirement out;
  if (const Status set = check_sets(options, (*self)->policy()->model(), out); !set) {
    return refuse(set.error());
  }
  ask_all(options, **self, *names, out);
  return report(options, invocation, out);
}

void add_choices(Command command, RetireOptions& options) {
  command.add_option("--generation", options.generation, "That is read only")
      .type_name("N")
      .required();
  command
      .add_option("--also", options.also,
                  "A custodian besides those that the parent's configuration and announcements "
                  "name; may be repeated")
      .type_name("NAME")
      .one_value_each();
  command
      .add_option("--unreachable-ok", options.unreachable_ok,
                  "This one need not answer, because it is gone for good; may be repeated. If it "
                  "answers, its answer counts")
      .type_name("NAME")
      .one_value_each();
  command
      .add_option("--set", options.sets,
                  "A recovery set of a later generation, where the policy names holders; may be "
                  "repeated")
      .type_name("FILE")
      .one_value_each();
  command.add_flag("--without-recovery-set", options.without_set,
                   "There is none, and the root may be lost with KMS");
  command.add_flag("--list", options.is_listing, "Say whom it would ask, and ask nobody");
}

}  // namespace

base::CodeInfo describe(RetireErrc code) noexcept {
  switch (code) {
    case RetireErrc::no_custodian:
      return {"no_custodian", "the parent's configuration and announcements name no custodian"};
    case RetireErrc::not_among_them:
      return {"not_among_them", "none of the custodians that would be asked"};
    case RetireErrc::no_recovery_set:
      return {"no_recovery_set",
              "recovery sets of this generation end with it, and none of a later one was shown"};
    case RetireErrc::same_custodian:
      return {"same_custodian", "two names led to one custodian, and perhaps to none of another"};
  }
  return {"unknown", "unknown error of retirements"};
}

void add_root_retire(Command root, Invocation& invocation) {
  auto options = std::make_shared<RetireOptions>();
  const Command command = root.add_subcommand(
      "retire", "See that a generation can be taken out of the policy: ask every custodian");
  options->at.at.enclave.clear();
  add_keys_options(command, invocation, options->at);
  add_choices(command, *options);
  add_keys_footer(
      command,
      "Each has an audit log and a memory of its own, so every one is asked that the "
      "parent routes to:\nenclaves of its configuration in a role that serves keys, "
      "announced ones, --enclave, --also. One\nthat says generation_needed, or does not "
      "answer, refuses the retirement. The parent is not\ntrusted to name them all: "
      "compare --list with what you run.\n"
      "Recovery sets are of one generation, and those of this one end with it: --set "
      "shows a later one.\nThen `concordat policy set --retire-root N`, and sign.\n",
      "  concordat root retire --generation 1 --list\n"
      "  concordat root retire --generation 1 --set recovery-2.set\n"
      "  concordat root retire --generation 1 --unreachable-ok custodian-old\n");
  on_chosen(command, invocation, [options, &invocation] { return retire(*options, invocation); });
}

}  // namespace concordat::cli
