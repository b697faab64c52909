// concordat root
#include <nlohmann/json.hpp>

#include "attest/base/cbor.hpp"
#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/keys_command.hpp"
#include "keyservice/error.hpp"
#include "keyservice/genesis.hpp"
#include "keyservice/root_status.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::Status;
using nlohmann::ordered_json;

struct RootOptions {
  KeysOptions at;
  std::uint32_t generation = 0;
  std::string challenge, out;
  std::vector<std::string> names;
  bool implicit = false;
};
using RootOptionsPtr = std::shared_ptr<RootOptions>;

Result<keyservice::RootStatus> ask_status(OperatorChannel& channel) {
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

Status show_status(OperatorChannel& channel, const RootOptions& options,
                   const Invocation& invocation) {
  CONCORDAT_TRY(const keyservice::RootStatus status, ask_status(channel));
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

void add_generation(Command command, RootOptions& options, const std::string& help) {
  command.add_option("--generation", options.generation, help).type_name("N").required();
}

Status ask(OperatorChannel& channel, keyservice::AdminBody body) {
  CONCORDAT_CHECK(channel.ask({0, std::move(body)}));
  return {};
}

Status rewrap(OperatorChannel& channel, const RootOptions& options) {
  for (const std::string& name : options.names)
    CONCORDAT_CHECK(ask(channel, keyservice::AdoptKeyRequest{name}));
  CONCORDAT_TRY(const keyservice::RootStatus status, ask_status(channel));
  if (status.is_snapshot_wanting) {
    CONCORDAT_CHECK(ask(channel, keyservice::TakeOverRequest{status.sealing}));
  }
  if (!options.implicit) return {};
  return ask(channel, keyservice::MoveImplicitRequest{status.sealing});
}

ExitStatus make(const RootOptions& options, const Invocation& invocation) {
  return with_custodian(
      options.at, invocation, "root make", [&](OperatorChannel& channel) -> Status {
        CONCORDAT_TRY(const auto challenge,
                      keyservice::GenesisChallenge::from_hex(options.challenge));
        keyservice::MakeRootRequest request{base::to_bytes(challenge.view())};
        CONCORDAT_TRY(const keyservice::AdminReply reply, channel.ask({0, std::move(request)}));
        base::cbor::Reader reader(reply.items);
        CONCORDAT_TRY(const base::BytesView document, reader.read_bytes(reply.items.size()));
        CONCORDAT_CHECK(base::write_file(options.out, document));
        answer(invocation, options.at.json, {{"document", options.out}},
               "wrote " + options.out + ": now `concordat policy pin-root`, and sign\n");
        return {};
      });
}

void add_make(Command root, Invocation& invocation) {
  auto options = std::make_shared<RootOptions>();
  const Command command = root.add_subcommand(
      "make", "Have a custodian make a root of the next generation and attest to it");
  add_keys_options(command, invocation, options->at);
  command
      .add_option("--challenge", options->challenge,
                  "32 bytes (hex) of the signers' own choice, against a document of another day")
      .type_name("HEX")
      .required();
  command.add_option("--out", options->out, "Where the genesis document goes")
      .type_name("FILE")
      .required();
  add_keys_footer(command,
                  "KMS seals it under the policy's key (`policy set --kms-key`), whose key policy "
                  "must allow\nthe generation (`policy kms-key-policy`). Nobody holds the root "
                  "before it is pinned.\n",
                  "  concordat root make --challenge $(cat challenge.hex) --out genesis-2.cbor\n");
  on_chosen(command, invocation, [options, &invocation] { return make(*options, invocation); });
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
  add_make(root, invocation);

  auto options = add(root, invocation, "rotate",
                     "Let another pinned generation take over: new keys, journal, heads", command,
                     [](OperatorChannel& channel, const RootOptions& chosen) {
                       return ask(channel, keyservice::TakeOverRequest{chosen.generation});
                     });
  add_generation(command, *options, "That is pinned and held, and later than the one that seals");
  add_keys_footer(command,
                  "For good: records under the older one are refused from here on. Old versions of "
                  "keys keep\ntheir bytes. Then `concordat policy set --current-root N`, and "
                  "sign.\n",
                  "  concordat root rotate --generation 2\n");

  options = add(root, invocation, "rewrap", "Move what leans on an older generation", command,
                rewrap);
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

  options = add(root, invocation, "retire", "See that a generation can be taken out of the policy",
                command, [](OperatorChannel& channel, const RootOptions& chosen) {
                  return ask(channel, keyservice::RetireRootRequest{chosen.generation});
                });
  add_generation(command, *options, "That is read only");
  add_keys_footer(command,
                  "Refused (generation_needed) while this custodian knows of anything that leans "
                  "on it; ask every\ncustodian, for each has an audit log of its own. Recovery "
                  "sets are of one generation: make\nothers before. Then `concordat policy set "
                  "--retire-root N`, and sign.\n",
                  "  concordat root retire --generation 1\n");
  root.footer(
      "The operator's key must be in the policy with purpose \"admin\" (policy add-operator).\n"
      "Example:\n"
      "  concordat root status --parent unix:/run/concordat/operator.sock --key dana.key\n"
      "Exit status: 0 done, 2 refused, 1 not reached, usage or input/output error.");
}

}  // namespace concordat::cli
