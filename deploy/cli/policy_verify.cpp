// concordat policy verify
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "policy/limits.hpp"
#include "policy/parse.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::cli {
namespace {

using nlohmann::ordered_json;
using policy::Envelope;
using policy::Policy;

struct Options {
  PolicyFiles files;
  std::string file = "policy.signed.json";
  std::optional<base::UnixMillis> at;
  bool json = false;
};

struct Verification {
  attest::AuthorityDescriptor authority;
  base::Status verdict;
  std::optional<policy::PolicyDigest> digest;  // where there is an envelope
  std::vector<attest::SignerKey> signers;      // whose signature is valid
  std::optional<policy::Model> model;          // where enough signed it and it can be read
};

base::Result<Verification> verify(const Options& options, base::UnixMillis at) {
  CONCORDAT_TRY(const base::Bytes content,
                base::read_file(options.file, policy::limits::kEnvelopeBytes));
  CONCORDAT_TRY(attest::AuthorityDescriptor authority, read_authority(options.files));
  Verification out{std::move(authority), {}, {}, {}, {}};
  const auto accepted = policy::SignedPolicy::verify(content, out.authority, at);
  if (!accepted) out.verdict = accepted.error();
  const auto envelope = Envelope::parse(content);
  if (!envelope) return out;
  out.digest = base::sha256({envelope->payload});
  out.signers = policy::valid_signers(*envelope, out.authority);
  // Only what the authority signed is worth showing.
  if (!policy::verify_envelope(*envelope, policy::kPolicyPayloadType, out.authority)) return out;
  if (auto model = policy::load_policy(base::as_text(envelope->payload))) {
    out.model = *std::move(model);
  }
  return out;
}

bool has_signed(const Verification& v, const attest::SignerKey& key) {
  return std::ranges::find(v.signers, key) != v.signers.end();
}

ordered_json to_json(const Verification& v, base::UnixMillis at) {
  ordered_json signers = ordered_json::array();
  for (const attest::SignerKey& key : v.authority.signers())
    signers.push_back({{"key_id", policy::key_id(key)}, {"signed", has_signed(v, key)}});
  ordered_json out = {{"ok", v.verdict.has_value()}};
  if (!v.verdict) {
    out["code"] = v.verdict.error().name();
    out["error"] = v.verdict.error().to_string();
  }
  out["at"] = base::format_rfc3339(at);
  out["digest"] = v.digest ? ordered_json(v.digest->hex()) : ordered_json(nullptr);
  out["signatures"] = v.signers.size();
  out["threshold"] = v.authority.threshold();
  out["signers"] = std::move(signers);
  if (!v.model) return out;
  out["realm"] = v.model->realm;
  out["serial"] = v.model->serial;
  out["not_before"] = base::format_rfc3339(v.model->valid_from);
  out["not_after"] = base::format_rfc3339(v.model->valid_until);
  return out;
}

std::string to_text(const Verification& v, base::UnixMillis at) {
  std::string out;
  if (v.digest) out += "digest     " + v.digest->hex() + "\n";
  if (v.model) {
    out += "realm      " + policy::quote(v.model->realm) + "\nserial     " +
           std::to_string(v.model->serial) + "\nvalid      " +
           base::format_rfc3339(v.model->valid_from) + " to " +
           base::format_rfc3339(v.model->valid_until) + ", looked at " + base::format_rfc3339(at) +
           "\n";
  }
  out += "signatures " + std::to_string(v.signers.size()) + " valid, " +
         std::to_string(v.authority.threshold()) + " needed\n";
  for (const attest::SignerKey& key : v.authority.signers())
    out += std::string(has_signed(v, key) ? "  signed   " : "  -        ") + policy::key_id(key) +
           "\n";
  if (v.model && v.model->freshness) {
    out += "freshness  in force only with a statement younger than " +
           std::to_string(v.model->freshness->max_age_seconds) + " s\n";
  }
  return out + (v.verdict ? "accepted\n"
                          : "refused: " + v.verdict.error().to_string() + " [" +
                                std::string(v.verdict.error().name()) + "]\n");
}

ExitStatus run_verify(const Options& options, const Invocation& invocation) {
  const base::UnixMillis at = options.at.value_or(base::system_wall_clock());
  const auto verified = verify(options, at);
  if (!verified) return answer_failure(invocation, options.json, "verify", verified.error());
  if (options.json) {
    print_json(invocation, to_json(*verified, at));
  } else {
    invocation.out << to_text(*verified, at);
  }
  return verified->verdict ? ExitStatus::done : ExitStatus::refused;
}

}  // namespace

void add_policy_verify(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command verify =
      policy.add_subcommand("verify", "Judge a signed policy as an enclave of the authority does");
  verify.add_option("FILE", options->file, "Signed policy; - is standard input")
      .capture_default_str();
  add_authority_file(verify, options->files.authority);
  add_time(verify, "--at", options->at, "Judge as of this time (RFC 3339); default: now");
  verify.add_flag("--json", options->json, "Print one JSON object");
  verify.footer(
      "Signatures by distinct signers, the authority and realm that the policy names, validity.\n"
      "Not judged here: the serial, which must be higher than what an enclave has, and freshness.\n"
      "Examples:\n"
      "  concordat policy verify\n"
      "  concordat policy verify next.signed.json --at 2027-01-01T00:00:00Z --json\n"
      "Exit status: 0 accepted, 2 refused, 1 usage or input/output error.");
  on_chosen(verify, invocation,
            [options, &invocation] { return run_verify(*options, invocation); });
}

}  // namespace concordat::cli
