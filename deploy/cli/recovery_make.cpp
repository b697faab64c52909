// concordat recovery make | reshare
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/recovery_command.hpp"
#include "keyservice/recovery/errc.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using keyservice::recovery::CustodianEvidence;
using keyservice::recovery::RecoverySet;

struct Options {
  OperatorOptions at;
  std::string order = kOrderFile;
  std::string replaces;  // of reshare
  std::string out = kSetFile;
  std::string store;  // folder of the parent's store; empty: not put there
  bool json = false;
};

struct Made {
  RecoverySet set;
  CustodianEvidence maker;
};

// That the set is what the order asked for, and made by a custodian of the policy for this order.
Result<Made> verify(const Bytes& package, const Bytes& order, const Operator& self,
                    const std::string& lab_root) {
  CONCORDAT_TRY(const auto parts, keyservice::recovery::parse_package(package));
  CONCORDAT_TRY(RecoverySet set, RecoverySet::parse(parts.set));
  CONCORDAT_TRY(const auto ordered,
                policy::verify_order<policy::MakeOrder>(order, self.authority(), *self.policy(),
                                                        base::system_wall_clock()));
  CONCORDAT_TRY(const auto claims, verify_document(parts.document, lab_root));
  CONCORDAT_TRY(CustodianEvidence maker, keyservice::recovery::verify_set_document(
                                             claims, self.policy()->model(), ordered, set));
  return Made{std::move(set), std::move(maker)};
}

// Before anything is asked: what this command was given fits together.
Status check_replaces(const Options& options, bool reshares) {
  CONCORDAT_TRY(const AnyOrder order, read_order(options.order));
  const auto* const make = std::get_if<policy::MakeOrder>(&order.order);
  if (make == nullptr) {
    return Error(policy::SignatureErrc::wrong_payload_type, "an order to make a set is wanted");
  }
  if (!reshares) {
    if (!make->replaces) return {};
    return Error(keyservice::recovery::Errc::set_differs,
                 "the order replaces set " + make->replaces->hex() + ": that is `reshare`");
  }
  CONCORDAT_TRY(const RecoverySet old, read_set(options.replaces));
  if (make->replaces == old.id()) return {};
  return Error(keyservice::recovery::Errc::set_differs,
               "the order replaces " + (make->replaces ? make->replaces->hex() : "none") +
                   ", this is set " + old.id().hex());
}

Status put_into_store(const Options& options, const Invocation& invocation, const Operator& self,
                      const RecoverySet& set, const Bytes& package) {
  if (options.store.empty()) return {};
  ParentRequest request{"PUT", "/v1/store/" + options.store + "/recovery-" + set.id().hex(),
                        std::string(base::as_text(package)), true};
  const auto answer = invocation.call_parent(self.parent(), request);
  if (!answer) return Error(ParentErrc::unreachable, answer.error().to_string());
  if (answer->status == 204) return {};
  return Error(ParentErrc::refused, "status " + std::to_string(answer->status));
}

nlohmann::ordered_json fields_of(const Options& options, const Made& made) {
  nlohmann::ordered_json holders = nlohmann::ordered_json::array();
  for (const auto& holder : made.set.holders())
    holders.push_back(holder.name);
  return {{"set", made.set.id().hex()},
          {"set_digest", made.set.digest().hex()},
          {"generation", made.set.generation()},
          {"threshold", made.set.threshold()},
          {"holders", holders},
          {"replaces", made.set.replaces() ? nlohmann::ordered_json(made.set.replaces()->hex())
                                           : nlohmann::ordered_json()},
          {"maker", to_json(made.maker)},
          {"file", options.out}};
}

std::string text_of(const Options& options, const Made& made) {
  std::string out = "set        " + made.set.id().hex() + "\nset digest " +
                    made.set.digest().hex() + "\nshares     " +
                    std::to_string(made.set.threshold()) + " of " +
                    std::to_string(made.set.holders().size()) + " restore root generation " +
                    std::to_string(made.set.generation()) + "\nmade by    image " +
                    made.maker.image + " in role " + made.maker.role + "\n";
  for (const auto& holder : made.set.holders())
    out += "  " + holder.name + "\n";
  out += options.out + " is no secret: keep copies of it, it is needed to restore\n";
  if (made.set.replaces()) {
    out += "set " + made.set.replaces()->hex() +
           " still restores the root: destroy every copy of it, and its holders' keys where they\n"
           "hold no other share. Only another root generation retires it for good.\n";
  }
  return out;
}

ExitStatus run(const Options& options, const Invocation& invocation, bool reshares) {
  const std::string what = reshares ? "recovery reshare" : "recovery make";
  const auto refuse = [&](const Error& error) {
    return answer_operators_failure(invocation, options.json, what, error);
  };
  if (const Status fits = check_replaces(options, reshares); !fits) return refuse(fits.error());
  if (const Status fresh = must_be_new(options.out, "a set is never overwritten"); !fresh) {
    return refuse(fresh.error());
  }
  const auto order = read_order_bytes(options.order);
  if (!order) return refuse(order.error());
  const auto self = Operator::open(options.at, invocation);
  if (!self) return refuse(self.error());
  const auto channel = (*self)->dial();
  if (!channel) return refuse(channel.error());
  const auto reply = (*channel)->ask({0, keyservice::MakeRecoverySetRequest{*order}});
  if (!reply) return refuse(reply.error());
  const auto package = bytes_of(*reply);
  if (!package) return refuse(package.error());
  const auto made = verify(*package, *order, **self, options.at.lab_root);
  if (!made) return refuse(made.error());
  if (const Status written = base::write_file(options.out, *package); !written) {
    return refuse(written.error());
  }
  if (const Status put = put_into_store(options, invocation, **self, made->set, *package); !put) {
    (void)fail(invocation,
               what + ": " + options.out + " is written, the parent's store has no copy",
               put.error());
    return ExitStatus::usage_or_io;
  }
  return answer(invocation, options.json, fields_of(options, *made), text_of(options, *made));
}

Command add_common(Command command, const Invocation& invocation, Options& options) {
  add_operator_options(command, invocation, options.at);
  add_order_file(command, options.order);
  command.add_option("--out", options.out, "Where to write the set")
      .type_name("FILE")
      .capture_default_str();
  command
      .add_option("--store", options.store,
                  "Keep a copy in this folder of the parent's store, as recovery-ID")
      .type_name("FOLDER");
  command.add_flag("--json", options.json, "Print one JSON object");
  return command;
}

}  // namespace

void add_recovery_make(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command make = add_common(
      recovery.add_subcommand("make", "Have a custodian share its root among the policy's holders"),
      invocation, *options);
  make.footer(
      "The set is sealed to the holders' keys and holds the root under a secret that their shares\n"
      "make: fewer of them than the threshold read nothing.\n"
      "Example:\n"
      "  concordat recovery make --order recovery.order.json --store custodian \\\n"
      "      --parent unix:/run/concordat/operator.sock --key dana.key\n" +
      std::string(kRecoveryExit));
  on_chosen(make, invocation, [options, &invocation] { return run(*options, invocation, false); });

  auto again = std::make_shared<Options>();
  const Command reshare =
      add_common(recovery.add_subcommand(
                     "reshare", "Share the same root anew: other holders, another threshold"),
                 invocation, *again);
  reshare.add_option("--replaces", again->replaces, "The set whose shares are to be destroyed then")
      .type_name("FILE")
      .required();
  reshare.footer(
      "The root stays as it is. The old set restores it for as long as enough of its holders keep\n"
      "their keys and anybody keeps the file; only another root generation ends that.\n"
      "Example:\n"
      "  concordat recovery reshare --order reshare.order.json --replaces recovery.set \\\n"
      "      --out recovery-2.set --parent unix:/run/concordat/operator.sock --key dana.key\n" +
      std::string(kRecoveryExit));
  on_chosen(reshare, invocation, [again, &invocation] { return run(*again, invocation, true); });
}

}  // namespace concordat::cli
