#include "deploy/cli/operator_options.hpp"

#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "keyservice/error.hpp"
#include "peer/relay_preface.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {

using base::Error;
using base::Result;
using base::Status;

void add_operator_options(Command command, const Invocation& invocation, OperatorOptions& options) {
  command
      .add_option("--parent", options.parent,
                  "Operator endpoint of the parent, unix:/PATH or tcp:HOST:PORT")
      .type_name("ENDPOINT")
      .required();
  command
      .add_option("--enclave", options.enclave, "The enclave's name in the parent's configuration")
      .type_name("NAME")
      .capture_default_str();
  command.add_option("--policy", options.files.policy, "Signed policy (DSSE envelope)")
      .type_name("FILE")
      .capture_default_str();
  add_authority_file(command, options.files.authority);
  add_signer_options(command, options.signer, "Secret key file of the operator (keygen)");
  add_lab_root(command, invocation, options.lab_root);
}

Result<std::unique_ptr<Operator>> Operator::open(const OperatorOptions& options,
                                                 const Invocation& invocation) {
  CONCORDAT_TRY(peer::Endpoint parent, operator_endpoint(options.parent));
  if (!peer::is_enclave_name(options.enclave)) {
    return Error(peer::PrefaceErrc::bad_target, "'" + options.enclave + "'");
  }
  CONCORDAT_TRY(attest::AuthorityDescriptor authority, read_authority(options.files));
  CONCORDAT_TRY(const base::Bytes envelope,
                base::read_file(options.files.policy, policy::limits::kEnvelopeBytes));
  std::unique_ptr<Operator> out(new Operator(invocation, std::move(parent), std::move(authority)));
  CONCORDAT_TRY(const policy::Installation installed,
                out->policies_.install(envelope, base::system_wall_clock()));
  (void)installed;  // the first one is always taken
  out->enclave_ = options.enclave;
  out->lab_root_ = options.lab_root;
  CONCORDAT_TRY(out->signer_, open_signer(options.signer));
  return out;
}

Status Operator::freshen() {
  const auto usable = policies_.snapshot().usable_at(base::system_wall_clock());
  if (usable || !policies_.latest()->model().freshness) return {};
  const auto answer = invocation_.call_parent(parent_, {"GET", "/v1/freshness"});
  if (!answer) return Error(ParentErrc::unreachable, answer.error().to_string());
  if (answer->status != 200) return {};  // none: the handshake says what that means
  const auto taken =
      policies_.install_freshness(base::as_bytes(answer->body), base::system_wall_clock());
  return taken ? Status() : taken.error();
}

ChannelOrder Operator::channel_order() {
  return {parent_, enclave_, &policies_, signer_.get(), [this] { return freshen(); }, lab_root_};
}

void Operator::say_newer_policy(std::uint64_t before) const {
  const std::uint64_t after = policies_.latest()->serial();
  if (after == before) return;
  invocation_.err << invocation_.program << ": " << enclave_ << " has policy serial " << after
                  << ", newer than the file's " << before << " and verified: it counts\n";
}

Result<std::unique_ptr<OperatorChannel>> Operator::dial() {
  const std::uint64_t before = policies_.latest()->serial();
  auto channel = invocation_.open_channel(channel_order());
  say_newer_policy(before);
  return channel;
}

Result<SessionOutcome> Operator::run(const SessionOrder& order) {
  const std::uint64_t before = policies_.latest()->serial();
  auto outcome = invocation_.run_session(channel_order(), order);
  say_newer_policy(before);
  return outcome;
}

std::string operators_code(const Error& error) {
  if (!error.is(keyservice::Errc::refused_by_custodian)) return std::string(error.name());
  // A refusal's text is "CODE: words" (AdminResponseReader).
  return error.detail().substr(0, error.detail().find(':'));
}

ExitStatus answer_operators_failure(const Invocation& invocation, bool json, std::string_view what,
                                    const Error& error, const nlohmann::ordered_json* more) {
  (void)fail(invocation, what, error);
  if (json) {
    nlohmann::ordered_json out = {
        {"ok", false}, {"code", operators_code(error)}, {"error", error.to_string()}};
    if (more != nullptr) out.update(*more);
    print_json(invocation, out);
  }
  return status_of_failure(error);
}

}  // namespace concordat::cli
