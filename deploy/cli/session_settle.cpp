// concordat session settle
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/keys_command.hpp"
#include "deploy/cli/session_command.hpp"
#include "keyservice/admin_keys.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/session_shares.hpp"
#include "session/protocols/frost/settling.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using base::Status;
using nlohmann::ordered_json;
using session::JudgedReceipt;
using session::VerifiedReceipt;
using session::frost::GroupInfo;

struct SettleOptions {
  KeysOptions keys;
  std::string receipt = "receipt.cbor";
  std::vector<std::string> authorities;  // of the other parties
  std::string role;
  std::vector<std::string> groups;
};

Result<VerifiedReceipt> verify(const SettleOptions& options) {
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file(options.receipt, session::limits::kReceiptBytes));
  CONCORDAT_TRY(const auto own, read_authority(options.keys.at.files));
  CONCORDAT_TRY(auto authorities, read_authorities(options.authorities));
  authorities.push_back(own);
  CONCORDAT_TRY(const attest::TrustAnchors anchors, trust_anchors(options.keys.at.lab_root));
  return session::verify_receipt(content, authorities, anchors);
}

// Those that are named, or the one that the receipt's resharing replaced; all of them may go.
Result<std::vector<GroupInfo>> settled_groups(const SettleOptions& options,
                                              const JudgedReceipt& receipt) {
  std::vector<GroupInfo> out;
  for (const std::string& path : options.groups) {
    CONCORDAT_TRY(const base::Bytes content, base::read_file(path, session::frost::kMaxGroup));
    CONCORDAT_TRY(GroupInfo group, GroupInfo::decode(content));
    out.push_back(std::move(group));
  }
  if (out.empty()) {
    CONCORDAT_TRY(GroupInfo replaced, session::frost::replaced_group(receipt));
    out.push_back(std::move(replaced));
  }
  for (const GroupInfo& group : out)
    CONCORDAT_CHECK(session::frost::check_settled(receipt, group));
  return out;
}

struct Destroyed {
  std::string key;
  std::uint64_t epoch = 0;
};

// Or was destroyed before: by a run of this command that was cut off, maybe. A name without a
// record sealed nothing (key_unknown): the share is another role's, or another custodian's.
Result<Destroyed> destroy(OperatorChannel& channel, const std::string& role,
                          const GroupInfo& group) {
  Destroyed out{keyservice::session_share_key(role, base::sha256({group.encoded()})),
                group.epoch()};
  keyservice::SetKeyStateRequest request;
  request.name = out.key;
  request.state = keyservice::VersionState::destroyed;
  const auto reply = channel.ask({0, std::move(request)});
  const base::Error is_gone(keyservice::KeyStateErrc::key_destroyed);
  if (!reply && operators_code(reply.error()) != is_gone.name()) return reply.error();
  if (reply) CONCORDAT_CHECK(keyservice::decode_key(*reply));
  return out;
}

void say_settled(const SettleOptions& options, const Invocation& invocation,
                 const JudgedReceipt& receipt, const std::vector<Destroyed>& destroyed) {
  ordered_json list = ordered_json::array();
  std::string text;
  for (const Destroyed& each : destroyed) {
    list.push_back({{"key", each.key}, {"epoch", each.epoch}, {"state", "destroyed"}});
    text += "destroyed  " + each.key + ", shares of epoch " + std::to_string(each.epoch) + "\n";
  }
  answer(invocation, options.keys.json,
         {{"session", receipt->descriptor->fields().id},
          {"run", receipt->run.hex()},
          {"destroyed", std::move(list)}},
         text);
}

Status settle(const SettleOptions& options, const Invocation& invocation) {
  CONCORDAT_TRY(VerifiedReceipt verified, verify(options));
  CONCORDAT_TRY(const auto self, Operator::open(options.keys.at, invocation));
  CONCORDAT_TRY(const auto channel, self->dial());
  // By the policy under which the custodian was admitted, which may be newer than the file.
  CONCORDAT_TRY(const JudgedReceipt receipt,
                JudgedReceipt::judge(std::move(verified), *self->policy(), options.role));
  CONCORDAT_TRY(const std::vector<GroupInfo> groups, settled_groups(options, receipt));
  std::vector<Destroyed> destroyed;
  for (const GroupInfo& group : groups) {
    CONCORDAT_TRY(Destroyed each, destroy(*channel, options.role, group));
    destroyed.push_back(std::move(each));
  }
  say_settled(options, invocation, receipt, destroyed);
  return {};
}

ExitStatus run_session_settle(const SettleOptions& options, const Invocation& invocation) {
  const Status settled = settle(options, invocation);
  if (settled) return ExitStatus::done;
  return answer_operators_failure(invocation, options.keys.json, "session settle", settled.error());
}

}  // namespace

void add_session_settle(Command session, Invocation& invocation) {
  auto options = std::make_shared<SettleOptions>();
  const Command settle = session.add_subcommand(
      "settle",
      "Have one's own custodian end shares of a key that resharing replaced, by a receipt");
  settle.add_option("FILE", options->receipt, "Receipt, of any party").capture_default_str();
  settle
      .add_option("--party-authority", options->authorities,
                  "Authority descriptor of another party's realm; once for each")
      .type_name("FILE")
      .one_value_each();
  settle.add_option("--role", options->role, "Role in one's own realm whose shares are meant")
      .type_name("ROLE")
      .required();
  settle
      .add_option("--group", options->groups,
                  "Group whose shares may go, as the run that made it gave it; may be repeated. "
                  "Without: the one that the receipt's resharing replaced")
      .type_name("FILE")
      .one_value_each();
  add_keys_options(settle, invocation, options->keys);
  settle.footer(
      "The receipt is verified as `verify-receipt` does, and every enclave that took part is\n"
      "judged by one's own policy. It must be of a resharing that all confirmed, or of a\n"
      "signature by a later group: so there are enough shares without the old ones. Then the\n"
      "custodian destroys the key that those are sealed under: no copy of them opens again,\n"
      "wherever it is kept. key_unknown: nothing was sealed under it; see --role.\n"
      "The operator's key must be in policy with purpose \"admin\".\n"
      "Examples:\n"
      "  concordat session settle reshare.cbor --role analyst --party-authority b.cbor \\\n"
      "      --parent unix:/run/concordat/operator.sock --key dana.key\n"
      "  concordat session settle payment.cbor --role analyst --party-authority b.cbor \\\n"
      "      --parent unix:/run/concordat/operator.sock --key dana.key --group old-group --json\n"
      "Exit status: 0 destroyed, 2 refused, 1 not reached, usage or input/output error.");
  on_chosen(settle, invocation,
            [options, &invocation] { return run_session_settle(*options, invocation); });
}

}  // namespace concordat::cli
