// concordat recovery attest | contribute | restore | status
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "attest/base/random.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/recovery_command.hpp"
#include "keyservice/error.hpp"
#include "keyservice/recovery/errc.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using keyservice::AdminBody;
using keyservice::recovery::ShownStatus;
using keyservice::recovery::TargetEvidence;

// --- attest ---

struct AttestOptions {
  OperatorOptions at;
  bool anew = false;
  std::string out = kTargetFile;
  bool json = false;
};

Result<TargetEvidence> attest_target(const AttestOptions& options, const Invocation& invocation) {
  CONCORDAT_TRY(const auto self, Operator::open(options.at, invocation));
  CONCORDAT_TRY(const auto channel, self->dial());
  base::SystemRandom random;
  const auto challenge = random.make<policy::RecoveryChallenge>();
  CONCORDAT_TRY(const auto reply,
                channel->ask({0, keyservice::AttestRestoringRequest{
                                     base::to_bytes(challenge.view()), options.anew}}));
  CONCORDAT_TRY(const Bytes document, bytes_of(reply));
  CONCORDAT_TRY(const auto claims, verify_document(document, options.at.lab_root));
  CONCORDAT_TRY(TargetEvidence target, keyservice::recovery::verify_target_document(
                                           claims, self->policy()->model(),
                                           self->policy()->digest(), base::system_wall_clock()));
  if (target.challenge != challenge) {
    return Error(keyservice::recovery::Errc::document_differs, "it answers another challenge");
  }
  CONCORDAT_CHECK(base::write_file(options.out, document));
  return target;
}

ExitStatus run_attest(const AttestOptions& options, const Invocation& invocation) {
  const auto target = attest_target(options, invocation);
  if (!target) {
    return answer_operators_failure(invocation, options.json, "recovery attest", target.error());
  }
  return answer(invocation, options.json,
                {{"target", target->key.hex()},
                 {"challenge", target->challenge.hex()},
                 {"custodian", to_json(target->custodian)},
                 {"file", options.out}},
                "target     " + target->key.hex() + "\nof         image " +
                    target->custodian.image + " in role " + target->custodian.role + ", " +
                    target->custodian.module_id + "\n" + options.out +
                    " is for signers and holders: concordat recovery order restore\n");
}

// --- contribute ---

struct ContributeOptions {
  PolicyFiles files{.policy = "policy.signed.json", .authority = kAuthorityFile};
  KeyFile key;
  std::string order = kOrderFile, set = kSetFile, target = kTargetFile;
  std::string lab_root;
  std::string out = "recovery.contribution";
  bool json = false;
};

struct Contributed {
  std::string holder;
  TargetEvidence target;
  policy::RestoreOrder order;
};

Result<Contributed> contribute(const ContributeOptions& options) {
  CONCORDAT_TRY(const SignedFiles files, read_signed_files(options.files));
  CONCORDAT_TRY(const Bytes envelope, read_order_bytes(options.order));
  CONCORDAT_TRY(const auto order,
                policy::verify_order<policy::RestoreOrder>(envelope, files.authority, *files.policy,
                                                           base::system_wall_clock()));
  CONCORDAT_TRY(const auto set, read_set(options.set));
  CONCORDAT_TRY(const TargetEvidence target,
                read_target(options.target, *files.policy, options.lab_root));
  // Before the key is opened: nothing of it is needed for what is not right.
  CONCORDAT_CHECK(keyservice::recovery::check_ordered({order, set, target}));
  CONCORDAT_CHECK(base::harden_process());
  CONCORDAT_TRY(const auto key, open_holder_key(options.key));
  CONCORDAT_TRY(const auto made, keyservice::recovery::contribute({order, set, target}, key));
  CONCORDAT_CHECK(base::write_file(options.out, keyservice::recovery::encode(made)));
  return Contributed{made.holder, target, order.order};
}

ExitStatus run_contribute(const ContributeOptions& options, const Invocation& invocation) {
  const auto made = contribute(options);
  if (!made) return answer_failure(invocation, options.json, "recovery contribute", made.error());
  return answer(invocation, options.json,
                {{"holder", made->holder},
                 {"set", made->order.set.hex()},
                 {"target", made->target.key.hex()},
                 {"custodian", to_json(made->target.custodian)},
                 {"file", options.out}},
                to_text(made->order) + "custodian  image " + made->target.custodian.image +
                    " in role " + made->target.custodian.role + ", " +
                    made->target.custodian.module_id + "\nthe share of " + made->holder +
                    " is sealed to that custodian: " + options.out + "\n");
}

// --- restore and status ---

struct RestoreOptions {
  OperatorOptions at;
  std::string order = kOrderFile, set = kSetFile;
  std::vector<std::string> contributions;
  bool json = false;
};

Result<ShownStatus> ask(OperatorChannel& channel, AdminBody body) {
  CONCORDAT_TRY(const auto reply, channel.ask({0, std::move(body)}));
  return keyservice::recovery::decode_status(reply.items);
}

struct Outcome {
  std::string file;
  Status taken;
};

// Each by itself: what is wrong with one is said, and the others are given all the same.
Result<std::vector<Outcome>> give(const RestoreOptions& options, OperatorChannel& channel,
                                  ShownStatus& status) {
  std::vector<Outcome> out;
  for (const std::string& path : options.contributions) {
    if (status.has_root) break;
    const auto content = base::read_file(path, keyservice::recovery::kMaxContribution);
    if (!content) {
      out.push_back({path, content.error()});
      continue;
    }
    auto answer = ask(channel, keyservice::ContributeShareRequest{*content});
    if (!answer && !answer.error().is(keyservice::Errc::refused_by_custodian))
      return answer.error();
    out.push_back({path, answer ? Status() : answer.error()});
    if (answer) status = *std::move(answer);
  }
  return out;
}

ExitStatus report(const RestoreOptions& options, const Invocation& invocation,
                  const std::vector<Outcome>& outcomes, const ShownStatus& status) {
  bool all_taken = true;
  auto fields = to_json(status);
  std::string text;
  fields["contributions"] = nlohmann::ordered_json::array();
  for (const Outcome& outcome : outcomes) {
    all_taken = all_taken && outcome.taken;
    nlohmann::ordered_json one = {{"file", outcome.file}, {"taken", outcome.taken.has_value()}};
    if (!outcome.taken) {
      one["code"] = operators_code(outcome.taken.error());
      one["error"] = outcome.taken.error().to_string();
    }
    text += outcome.file + ": " +
            (outcome.taken ? "taken" : "refused: " + outcome.taken.error().to_string()) + "\n";
    fields["contributions"].push_back(std::move(one));
  }
  text += status.has_root ? "the root is restored; the custodian serves\n" : to_text(status);
  (void)answer(invocation, options.json, fields, text);
  return all_taken ? ExitStatus::done : ExitStatus::refused;
}

ExitStatus run_restore(const RestoreOptions& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_operators_failure(invocation, options.json, "recovery restore", error);
  };
  const auto order = read_order_bytes(options.order);
  if (!order) return refuse(order.error());
  const auto set = read_set(options.set);
  if (!set) return refuse(set.error());
  const auto self = Operator::open(options.at, invocation);
  if (!self) return refuse(self.error());
  const auto channel = (*self)->dial();
  if (!channel) return refuse(channel.error());
  auto status = ask(**channel, keyservice::StartRestoringRequest{*order, set->encoded()});
  if (!status) return refuse(status.error());
  const auto outcomes = give(options, **channel, *status);
  if (!outcomes) return refuse(outcomes.error());
  // Refused ones are counted, too.
  status = ask(**channel, keyservice::RestoringStatusRequest{});
  if (!status) return refuse(status.error());
  return report(options, invocation, *outcomes, *status);
}

struct StatusOptions {
  OperatorOptions at;
  bool json = false;
};

ExitStatus run_status(const StatusOptions& options, const Invocation& invocation) {
  const auto status = [&]() -> Result<ShownStatus> {
    CONCORDAT_TRY(const auto self, Operator::open(options.at, invocation));
    CONCORDAT_TRY(const auto channel, self->dial());
    return ask(*channel, keyservice::RestoringStatusRequest{});
  }();
  if (!status) {
    return answer_operators_failure(invocation, options.json, "recovery status", status.error());
  }
  return answer(invocation, options.json, to_json(*status), to_text(*status));
}

}  // namespace

void add_recovery_attest(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<AttestOptions>();
  const Command attest = recovery.add_subcommand(
      "attest", "Have a custodian without a root attest to a key that shares are to be sealed to");
  add_operator_options(attest, invocation, options->at);
  attest.add_flag("--anew", options->anew, "Give up shares that are being collected");
  attest.add_option("--out", options->out, "Where to write its document")
      .type_name("FILE")
      .capture_default_str();
  attest.add_flag("--json", options->json, "Print one JSON object");
  attest.footer(
      "The key lives in that enclave's memory until the root is restored, the enclave ends, or "
      "seven\n"
      "days are over.\n"
      "Example:\n"
      "  concordat recovery attest --parent unix:/run/concordat/operator.sock --key dana.key\n" +
      std::string(kRecoveryExit));
  on_chosen(attest, invocation,
            [options, &invocation] { return run_attest(*options, invocation); });
}

void add_recovery_contribute(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<ContributeOptions>();
  const Command contribute = recovery.add_subcommand(
      "contribute", "As a holder: open your share and seal it to the ordered, attested custodian");
  add_signed_files(contribute, options->files);
  add_key_options(contribute, options->key, "Secret key file of the holder (recovery key)");
  add_order_file(contribute, options->order);
  add_set_file(contribute, options->set);
  add_target_file(contribute, options->target);
  add_lab_root(contribute, invocation, options->lab_root);
  contribute.add_option("--out", options->out, "Where to write the contribution")
      .type_name("FILE")
      .capture_default_str();
  contribute.add_flag("--json", options->json, "Print one JSON object");
  contribute.footer(
      "Needs no network. Refuses unless enough signers ordered exactly this, and the document is "
      "of a\n"
      "custodian of the policy, under AWS's roots. The contribution may travel in the open: it "
      "opens\n"
      "in that custodian alone, and nobody else can make one in your name. Keep this machine's "
      "clock\n"
      "right.\n"
      "Example:\n"
      "  concordat recovery contribute --key erin.recovery.key --out erin.contribution\n" +
      std::string(kRecoveryExit));
  on_chosen(contribute, invocation,
            [options, &invocation] { return run_contribute(*options, invocation); });
}

void add_recovery_restore(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<RestoreOptions>();
  const Command restore = recovery.add_subcommand(
      "restore", "Give a custodian the signers' order and holders' contributions");
  restore.add_option("CONTRIBUTION", options->contributions, "Files of `contribute`");
  add_operator_options(restore, invocation, options->at);
  add_order_file(restore, options->order);
  add_set_file(restore, options->set);
  restore.add_flag("--json", options->json, "Print one JSON object");
  restore.footer(
      "May be repeated as contributions come in. With as many as the set's threshold the "
      "custodian\n"
      "has its root and serves. Exit status 2: at least one contribution was refused; the others\n"
      "stand.\n"
      "Example:\n"
      "  concordat recovery restore erin.contribution frank.contribution \\\n"
      "      --parent unix:/run/concordat/operator.sock --key dana.key\n" +
      std::string(kRecoveryExit));
  on_chosen(restore, invocation,
            [options, &invocation] { return run_restore(*options, invocation); });
}

void add_recovery_status(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<StatusOptions>();
  const Command status = recovery.add_subcommand(
      "status", "Ask a custodian whose shares are in, and whose were refused");
  add_operator_options(status, invocation, options->at);
  status.add_flag("--json", options->json, "Print one JSON object");
  status.footer(
      "Example:\n"
      "  concordat recovery status --parent unix:/run/concordat/operator.sock --key dana.key\n" +
      std::string(kRecoveryExit));
  on_chosen(status, invocation,
            [options, &invocation] { return run_status(*options, invocation); });
}

}  // namespace concordat::cli
