// concordat policy ...

#include "deploy/cli/policy_files.hpp"

namespace concordat::cli {

void add_policy_commands(Command app, Invocation& invocation) {
  const Command policy = app.add_subcommand(
      "policy", "Say which images play which roles, sign it, and learn why a peer is refused");
  policy.require_known_subcommand();
  policy.footer(
      "A policy from nothing to signed:\n"
      "  concordat keygen --out alice.key; concordat keygen --out bob.key\n"
      "  concordat policy init --realm payments.example --signer alice.key.pub \\\n"
      "      --signer bob.key.pub --threshold 2 --kms-key arn:aws:kms:...:key/...\n"
      "  concordat policy enroll custodian-1 --eif custodian.eif --role custodian \\\n"
      "      --account arn:aws:iam::111122223333:role/parent\n"
      "  concordat policy enroll worker-1 --eif worker.eif --role payments \\\n"
      "      --grant 'payments/*:get,sign'\n"
      "  concordat policy check\n"
      "  concordat policy sign --key alice.key; concordat policy sign --key bob.key\n"
      "  concordat policy kms-key-policy \\\n"
      "      --administrator arn:aws:iam::111122223333:role/key-admin > key-policy.json\n"
      "Editing commands raise the serial and write nothing that `check` would refuse.");
  add_policy_init(policy, invocation);
  add_policy_enroll(policy, invocation);
  add_policy_revoke(policy, invocation);
  add_policy_grant(policy, invocation);
  add_policy_ungrant(policy, invocation);
  add_policy_add_operator(policy, invocation);
  add_policy_set(policy, invocation);
  add_policy_renew(policy, invocation);
  add_policy_pin_root(policy, invocation);
  add_policy_fmt(policy, invocation);
  add_policy_check(policy, invocation);
  add_policy_diff(policy, invocation);
  add_policy_impact(policy, invocation);
  add_policy_describe(policy, invocation);
  add_policy_sign(policy, invocation);
  add_policy_push(policy, invocation);
  add_policy_freshness(policy, invocation);
  add_policy_verify(policy, invocation);
  add_policy_explain(policy, invocation);
  add_policy_kms_key_policy(policy, invocation);
}

}  // namespace concordat::cli
