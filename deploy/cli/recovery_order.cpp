// concordat recovery order make | order restore | sign
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/random.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "deploy/cli/recovery_command.hpp"
#include "keyservice/recovery/errc.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using policy::Envelope;
using policy::MakeOrder;
using policy::RestoreOrder;

constexpr std::uint32_t kDefaultHours = 72;

struct OrderOptions {
  PolicyFiles files{.policy = "policy.signed.json", .authority = kAuthorityFile};
  std::string replaces;
  std::uint32_t generation = 0;  // to be shared; 0: the current one
  std::string set = kSetFile, target = kTargetFile;
  std::string lab_root;
  std::uint32_t hours = kDefaultHours;
  std::string out = kOrderFile;
  bool json = false;
};

struct SignOptions {
  PolicyFiles files{.policy = "policy.signed.json", .authority = kAuthorityFile};
  SignerOptions signer;
  std::string order = kOrderFile;
  std::string set, target;  // of restore, where they must be seen
  std::string lab_root;
  bool json = false;
};

template <class Order>
ExitStatus write_order(const OrderOptions& options, const Invocation& invocation,
                       const Result<Order>& order) {
  const auto refuse = [&](const Error& error) {
    return answer_failure(invocation, options.json, "recovery order", error);
  };
  if (!order) return refuse(order.error());
  const std::string payload = policy::encode(*order);
  const Envelope envelope{
      std::string(Order::kPayloadType), base::to_bytes(base::as_bytes(payload)), {}};
  if (const Status fresh = must_be_new(options.out, "signatures may be in it"); !fresh) {
    return refuse(fresh.error());
  }
  if (const Status written = base::write_file(options.out, envelope.encode()); !written) {
    return refuse(written.error());
  }
  auto fields = to_json(*order);
  fields["file"] = options.out;
  return answer(invocation, options.json, fields,
                to_text(*order) + options.out + " is for the signers: concordat recovery sign\n");
}

Result<std::uint32_t> current_generation(const policy::Policy& policy) {
  const policy::RootGeneration* const root = policy.model().current_root();
  if (root == nullptr) return Error(keyservice::recovery::Errc::other_generation, "none is pinned");
  return root->generation;
}

Result<std::uint32_t> generation_to_share(const OrderOptions& options,
                                          const policy::Policy& policy) {
  if (options.generation == 0) return current_generation(policy);
  if (policy.model().root(options.generation) != nullptr) return options.generation;
  return Error(keyservice::recovery::Errc::other_generation,
               "the policy does not pin " + std::to_string(options.generation));
}

Result<MakeOrder> order_to_make(const OrderOptions& options) {
  CONCORDAT_TRY(const SignedFiles files, read_signed_files(options.files));
  if (!files.policy->model().recovery) return Error(keyservice::recovery::Errc::no_holders);
  base::SystemRandom random;
  MakeOrder order;
  order.realm = files.policy->realm();
  order.policy = files.policy->digest();
  order.set = random.make<policy::RecoverySetId>();
  CONCORDAT_TRY(order.generation, generation_to_share(options, *files.policy));
  if (!options.replaces.empty()) {
    CONCORDAT_TRY(const auto old, read_set(options.replaces));
    order.replaces = old.id();
  }
  order.challenge = random.make<policy::RecoveryChallenge>();
  order.not_after = now_in_seconds() + std::chrono::hours(options.hours);
  return order;
}

Result<RestoreOrder> order_to_restore(const OrderOptions& options) {
  CONCORDAT_TRY(const SignedFiles files, read_signed_files(options.files));
  CONCORDAT_TRY(const auto set, read_set(options.set));
  CONCORDAT_TRY(const auto target, read_target(options.target, *files.policy, options.lab_root));
  RestoreOrder order;
  order.realm = files.policy->realm();
  order.policy = files.policy->digest();
  order.set = set.id();
  order.set_digest = set.digest();
  order.generation = set.generation();
  order.target = target.key;
  order.challenge = target.challenge;
  order.not_after = now_in_seconds() + std::chrono::hours(options.hours);
  CONCORDAT_TRY(const std::uint32_t current, current_generation(*files.policy));
  const bool is_pinned = files.policy->model().root(set.generation()) != nullptr;
  if (!is_pinned || set.realm() != order.realm) {
    return Error(keyservice::recovery::Errc::other_generation,
                 "the set is of generation " + std::to_string(set.generation()) + " of '" +
                     set.realm() + "', the policy pins " + std::to_string(current));
  }
  return order;
}

// What a signer must have seen: that the order is for the policy at hand, and of one to restore
// that target and set are what they should be.
Status look(const MakeOrder& order, const SignOptions&, const SignedFiles& files) {
  return policy::check_order(order, *files.policy, base::system_wall_clock());
}
Status look(const RestoreOrder& order, const SignOptions& options, const SignedFiles& files) {
  CONCORDAT_CHECK(policy::check_order(order, *files.policy, base::system_wall_clock()));
  if (options.set.empty() || options.target.empty()) {
    return Error(base::FileErrc::cannot_read,
                 "an order to restore is signed with --set and --target at hand");
  }
  CONCORDAT_TRY(const auto set, read_set(options.set));
  CONCORDAT_TRY(const auto target, read_target(options.target, *files.policy, options.lab_root));
  return keyservice::recovery::check_ordered({{order, {}}, set, target});
}

struct Signed {
  AnyOrder order;
  std::size_t valid = 0;
  unsigned threshold = 0;
};

Result<Signed> sign(const SignOptions& options) {
  CONCORDAT_TRY(const SignedFiles files, read_signed_files(options.files));
  CONCORDAT_TRY(AnyOrder order, read_order(options.order));
  CONCORDAT_CHECK(
      std::visit([&](const auto& one) { return look(one, options, files); }, order.order));
  CONCORDAT_TRY(const auto signer, open_signer(options.signer));
  CONCORDAT_CHECK(require_signer(files.authority, *signer));
  CONCORDAT_CHECK(policy::add_signature(order.envelope, *signer));
  CONCORDAT_CHECK(base::write_file(options.order, order.envelope.encode()));
  const std::size_t valid = policy::valid_signers(order.envelope, files.authority).size();
  return Signed{std::move(order), valid, files.authority.threshold()};
}

ExitStatus run_sign(const SignOptions& options, const Invocation& invocation) {
  const auto result = sign(options);
  if (!result) return answer_failure(invocation, options.json, "recovery sign", result.error());
  const bool complete = result->valid >= result->threshold;
  auto fields = std::visit([](const auto& one) { return to_json(one); }, result->order.order);
  fields["signatures"] = result->valid;
  fields["threshold"] = result->threshold;
  fields["complete"] = complete;
  fields["file"] = options.order;
  return answer(invocation, options.json, fields,
                std::visit([](const auto& one) { return to_text(one); }, result->order.order) +
                    options.order + " has " + std::to_string(result->valid) + " of the " +
                    std::to_string(result->threshold) + " signatures it needs" +
                    (complete ? ": ready to be used\n" : "\n"));
}

void add_order_options(Command command, OrderOptions& options) {
  add_signed_files(command, options.files);
  command.add_option("--hours", options.hours, "For how long the order counts")
      .type_name("N")
      .capture_default_str()
      .range(1U, 168U);
  command.add_option("--out", options.out, "Where to write the order")
      .type_name("FILE")
      .capture_default_str();
  command.add_flag("--json", options.json, "Print one JSON object");
}

void add_order_make(Command order, Invocation& invocation) {
  auto options = std::make_shared<OrderOptions>();
  const Command make =
      order.add_subcommand("make", "That a custodian makes a set of shares of its root");
  add_order_options(make, *options);
  make.add_option("--replaces", options->replaces,
                  "The set whose shares are to be destroyed afterwards (reshare)")
      .type_name("FILE");
  make.add_option("--generation", options->generation,
                  "The pinned root generation to share; default: the current one")
      .type_name("N");
  make.footer(
      "For the holders and threshold of the policy, which must be the one in force when it is "
      "used.\n"
      "Examples:\n"
      "  concordat recovery order make\n"
      "  concordat recovery order make --generation 2 --out recovery-2.order.json\n"
      "  concordat recovery order make --replaces recovery.set --out reshare.order.json\n" +
      std::string(kRecoveryExit));
  on_chosen(make, invocation, [options, &invocation] {
    return write_order(*options, invocation, order_to_make(*options));
  });
}

void add_order_restore(Command order, Invocation& invocation) {
  auto options = std::make_shared<OrderOptions>();
  const Command restore = order.add_subcommand(
      "restore", "That holders contribute their shares of a set to an attested custodian");
  add_order_options(restore, *options);
  add_set_file(restore, options->set);
  add_target_file(restore, options->target);
  add_lab_root(restore, invocation, options->lab_root);
  restore.footer(
      "Names the custodian by the key that its document attests to; a custodian that is started\n"
      "again has another one.\n"
      "Example:\n"
      "  concordat recovery order restore --set recovery.set --target recovery.target\n" +
      std::string(kRecoveryExit));
  on_chosen(restore, invocation, [options, &invocation] {
    return write_order(*options, invocation, order_to_restore(*options));
  });
}

}  // namespace

void add_recovery_order(Command recovery, Invocation& invocation) {
  const Command order = recovery.add_subcommand("order", "Write an order for the signers");
  order.require_subcommand();
  add_order_make(order, invocation);
  add_order_restore(order, invocation);
  order.footer("Example:\n  concordat recovery order make\n" + std::string(kRecoveryExit));
}

void add_recovery_sign(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<SignOptions>();
  const Command sign = recovery.add_subcommand("sign", "Sign an order, or add a signature to it");
  add_signed_files(sign, options->files);
  add_signer_options(sign, options->signer);
  add_order_file(sign, options->order);
  sign.add_option("--set", options->set, "Of an order to restore: the set, as `make` wrote it")
      .type_name("FILE");
  sign.add_option("--target", options->target,
                  "Of an order to restore: the custodian's document, as `attest` wrote it")
      .type_name("FILE");
  add_lab_root(sign, invocation, options->lab_root);
  sign.add_flag("--json", options->json, "Print one JSON object");
  sign.footer(
      "Looks first at what is ordered: that it is for the policy at hand, and that target and set "
      "of\n"
      "an order to restore are a custodian of that policy and the set that is named.\n"
      "Examples:\n"
      "  concordat recovery sign --key alice.key\n"
      "  concordat recovery sign --key alice.key --set recovery.set --target recovery.target\n" +
      std::string(kRecoveryExit));
  on_chosen(sign, invocation, [options, &invocation] { return run_sign(*options, invocation); });
}

}  // namespace concordat::cli
