// concordat root
#include "deploy/cli/root_command.hpp"

#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "keyservice/error.hpp"

namespace concordat::cli {

using base::Error;
using base::Result;
using base::Status;
using nlohmann::ordered_json;

Result<keyservice::RootStatus> ask_root_status(OperatorChannel& channel) {
  CONCORDAT_TRY(const keyservice::AdminReply reply,
                channel.ask({0, keyservice::RootStatusRequest{}}));
  if (reply.count != 1) return Error(keyservice::Errc::malformed_response, "items");
  return keyservice::decode_root_status(reply.items);
}

ordered_json to_json(const keyservice::RootStatus& status) {
  ordered_json generations = ordered_json::array();
  for (const auto& one : status.generations) {
    generations.push_back({{"generation", one.number},
                           {"current", one.is_current},
                           {"held", one.is_held},
                           {"versions", one.versions},
                           {"needed", one.needed}});
  }
  return {{"generations", std::move(generations)},
          {"sealing", status.sealing},
          {"since", status.since},
          {"snapshot_wanting", status.is_snapshot_wanting},
          {"implicit", status.implicit},
          {"audit_log", status.audit_log}};
}

std::string to_text(const keyservice::RootStatus& status) {
  std::string out;
  for (const auto& one : status.generations) {
    out += "generation " + std::to_string(one.number) +
           (one.is_current ? ", current" : ", read only") + (one.is_held ? "" : ", NOT HELD") +
           ", versions of derived keys: " + std::to_string(one.versions) + "\n";
    out += one.needed.empty() ? "  can be retired, as far as this custodian knows\n"
                              : "  needed: " + one.needed + "\n";
  }
  out += "journal      sealed under generation " + std::to_string(status.sealing);
  if (status.since != 0) out += ", since position " + std::to_string(status.since);
  if (status.is_snapshot_wanting) out += "; no snapshot since: `concordat root rewrap`";
  out += "\nother names  stand for derived keys of generation " + std::to_string(status.implicit);
  out += "\naudit log    " + (status.audit_log == 0
                                  ? std::string("not open")
                                  : "signed under generation " + std::to_string(status.audit_log));
  return out + "\n";
}

namespace {

struct RootOptions {
  KeysOptions at;
  std::uint32_t generation = 0;
  std::vector<std::string> names;
  bool implicit = false;
};
using RootOptionsPtr = std::shared_ptr<RootOptions>;

Status show_status(OperatorChannel& channel, const RootOptions& options,
                   const Invocation& invocation) {
  CONCORDAT_TRY(const keyservice::RootStatus status, ask_root_status(channel));
  answer(invocation, options.at.json, to_json(status), to_text(status));
  return {};
}

using Talk = std::function<Status(OperatorChannel&, const RootOptions&)>;

// Talks, and then says how things stand.
RootOptionsPtr add(Command root, Invocation& invocation, const std::string& name,
                   const std::string& help, Command& made, Talk talk) {
  auto options = std::make_shared<RootOptions>();
  made = root.add_subcommand(name, help);
  add_keys_options(made, invocation, options->at);
  on_chosen(made, invocation, [options, &invocation, name, talk = std::move(talk)] {
    return with_custodian(options->at, invocation, "root " + name,
                          [&](OperatorChannel& channel) -> Status {
                            CONCORDAT_CHECK(talk(channel, *options));
                            return show_status(channel, *options, invocation);
                          });
  });
  return options;
}

Status ask(OperatorChannel& channel, keyservice::AdminBody body) {
  CONCORDAT_CHECK(channel.ask({0, std::move(body)}));
  return {};
}

// --- rotate: each step says what it came to, and is passed over where it was done before ---

void say(const Invocation& invocation, const std::string& words) {
  invocation.err << invocation.program << ": root rotate: " << words << "\n";
  invocation.err.flush();
}

std::string numbered(std::uint32_t generation) {
  return "generation " + std::to_string(generation);
}

// The entry by which the generation takes over; a snapshot follows it.
Result<keyservice::RootStatus> take_over(OperatorChannel& channel, std::uint32_t generation,
                                         const Invocation& invocation) {
  CONCORDAT_TRY(keyservice::RootStatus before, ask_root_status(channel));
  if (before.sealing == generation) {
    say(invocation, numbered(generation) + " has taken over before, at position " +
                        std::to_string(before.since));
    return before;
  }
  say(invocation,
      numbered(before.sealing) + " seals; " + numbered(generation) + " is asked to take over");
  CONCORDAT_CHECK(ask(channel, keyservice::TakeOverRequest{generation}));
  CONCORDAT_TRY(keyservice::RootStatus after, ask_root_status(channel));
  say(invocation,
      numbered(generation) + " has taken over, at position " + std::to_string(after.since));
  return after;
}

// Without it whoever reads the journal anew needs the older generation.
Status want_snapshot(OperatorChannel& channel, const keyservice::RootStatus& status,
                     const Invocation& invocation) {
  if (status.is_snapshot_wanting) {
    say(invocation, "no snapshot under it yet: it is asked for again");
    CONCORDAT_CHECK(ask(channel, keyservice::TakeOverRequest{status.sealing}));
  }
  say(invocation, "a snapshot under it is written");
  return {};
}

void say_what_is_next(const keyservice::RootStatus& status, const Invocation& invocation) {
  for (const auto& one : status.generations) {
    if (one.number != status.sealing) continue;
    say(invocation, one.is_current ? "the policy calls it current"
                                   : "next: `concordat policy set --current-root " +
                                         std::to_string(one.number) + "`, and sign");
  }
}

Status rotate(OperatorChannel& channel, const RootOptions& options, const Invocation& invocation) {
  CONCORDAT_TRY(const keyservice::RootStatus status,
                take_over(channel, options.generation, invocation));
  CONCORDAT_CHECK(want_snapshot(channel, status, invocation));
  say_what_is_next(status, invocation);
  return {};
}

void add_generation(Command command, RootOptions& options, const std::string& help) {
  command.add_option("--generation", options.generation, help).type_name("N").required();
}

Status rewrap(OperatorChannel& channel, const RootOptions& options) {
  for (const std::string& name : options.names)
    CONCORDAT_CHECK(ask(channel, keyservice::AdoptKeyRequest{name}));
  CONCORDAT_TRY(const keyservice::RootStatus status, ask_root_status(channel));
  if (status.is_snapshot_wanting) {
    CONCORDAT_CHECK(ask(channel, keyservice::TakeOverRequest{status.sealing}));
  }
  if (!options.implicit) return {};
  return ask(channel, keyservice::MoveImplicitRequest{status.sealing});
}

}  // namespace

void add_root_commands(Command app, Invocation& invocation) {
  const Command root = app.add_subcommand(
      "root", "Replace a custodian's root by another generation, and retire the older one");
  root.require_subcommand();
  Command command = root;
  (void)add(root, invocation, "status", "Show root generations and what leans on each", command,
            [](OperatorChannel&, const RootOptions&) { return Status(); });
  add_keys_footer(command, "", "  concordat root status --json\n");
  add_root_make(root, invocation);

  auto options = add(root, invocation, "rotate",
                     "Let another pinned generation take over: new keys, journal, heads", command,
                     [&invocation](OperatorChannel& channel, const RootOptions& chosen) {
                       return rotate(channel, chosen, invocation);
                     });
  add_generation(command, *options, "That is pinned and held, and later than the one that seals");
  add_keys_footer(
      command,
      "For good: records under the older one are refused from here on. Old versions of "
      "keys keep\ntheir bytes. Says each step on standard error; one that was cut short "
      "is run again, and\ngoes on where it stopped. Then `concordat policy set "
      "--current-root N`, and sign.\n",
      "  concordat root rotate --generation 2\n");

  options =
      add(root, invocation, "rewrap", "Move what leans on an older generation", command, rewrap);
  command
      .add_option("--adopt", options->names,
                  "A name without a record: it becomes a derived key with one, and keeps its "
                  "bytes; may be repeated")
      .type_name("NAME")
      .one_value_each();
  command.add_flag("--implicit", options->implicit,
                   "Every other name without a record stands for a derived key of the newer "
                   "generation from now on: OTHER BYTES than before");
  add_keys_footer(command,
                  "The journal is written anew under the generation that seals. Derived versions "
                  "of an older one\nstay its own: `keys rotate`, and `keys destroy --version` when "
                  "nobody needs them any more.\nThe audit log says which names were used.\n",
                  "  concordat root rewrap --adopt payments/card --adopt reports/daily\n"
                  "  concordat root rewrap --implicit\n");

  add_root_retire(root, invocation);
  root.footer(
      "The operator's key must be in the policy with purpose \"admin\" (policy add-operator).\n"
      "Example:\n"
      "  concordat root status --parent unix:/run/concordat/operator.sock --key dana.key\n"
      "Exit status: 0 done, 2 refused, 1 not reached, usage or input/output error.");
}

}  // namespace concordat::cli
