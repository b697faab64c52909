// What the `recovery` commands share: orders, sets and targets as files, and what they answer.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <variant>

#include "deploy/cli/operator_options.hpp"
#include "keyservice/recovery/contribution.hpp"
#include "keyservice/recovery/status.hpp"

namespace concordat::cli {

inline constexpr const char* kOrderFile = "recovery.order.json";
inline constexpr const char* kSetFile = "recovery.set";
inline constexpr const char* kTargetFile = "recovery.target";

// The policy as signed, verified at this machine's time, and the authority that signed it.
struct SignedFiles {
  attest::AuthorityDescriptor authority;
  policy::PolicyPtr policy;
};
// --policy (signed) and --authority.
void add_signed_files(Command command, PolicyFiles& files);
[[nodiscard]] base::Result<SignedFiles> read_signed_files(const PolicyFiles& files);

void add_order_file(Command command, std::string& path);
void add_set_file(Command command, std::string& path);
void add_target_file(Command command, std::string& path);

// An order of either kind, nothing of it verified.
struct AnyOrder {
  policy::Envelope envelope;
  std::variant<policy::MakeOrder, policy::RestoreOrder> order;
};
// wrong_payload_type, order_malformed.
[[nodiscard]] base::Result<AnyOrder> read_order(const std::string& path);
[[nodiscard]] base::Result<base::Bytes> read_order_bytes(const std::string& path);
[[nodiscard]] base::Result<keyservice::recovery::RecoverySet> read_set(const std::string& path);
// A target's document, verified at its own time and then judged by the policy, now.
[[nodiscard]] base::Result<keyservice::recovery::TargetEvidence> read_target(
    const std::string& path, const policy::Policy& policy, const std::string& lab_root);
// A document out of an answer, verified at its own time; of debug mode refused.
[[nodiscard]] base::Result<attest::VerifiedClaims> verify_document(base::BytesView document,
                                                                   const std::string& lab_root);
// The one byte string that an answer is.
[[nodiscard]] base::Result<base::Bytes> bytes_of(const keyservice::AdminReply& reply);

[[nodiscard]] nlohmann::ordered_json to_json(const policy::MakeOrder& order);
[[nodiscard]] nlohmann::ordered_json to_json(const policy::RestoreOrder& order);
[[nodiscard]] std::string to_text(const policy::MakeOrder& order);
[[nodiscard]] std::string to_text(const policy::RestoreOrder& order);
[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::recovery::CustodianEvidence& who);
[[nodiscard]] nlohmann::ordered_json to_json(const keyservice::recovery::ShownStatus& status);
[[nodiscard]] std::string to_text(const keyservice::recovery::ShownStatus& status);

inline constexpr const char* kRecoveryExit =
    "Exit status: 0 done, 2 refused, 1 not reached, usage or input/output error.";

// One function a command.
void add_recovery_key(Command recovery, Invocation& invocation);
void add_recovery_order(Command recovery, Invocation& invocation);  // order make, order restore
void add_recovery_sign(Command recovery, Invocation& invocation);
void add_recovery_make(Command recovery, Invocation& invocation);  // make, reshare
void add_recovery_attest(Command recovery, Invocation& invocation);
void add_recovery_contribute(Command recovery, Invocation& invocation);
void add_recovery_restore(Command recovery, Invocation& invocation);
void add_recovery_status(Command recovery, Invocation& invocation);

}  // namespace concordat::cli
