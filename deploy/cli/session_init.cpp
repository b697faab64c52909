// concordat session init
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/key_file.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "deploy/cli/session_command.hpp"
#include "policy/finding.hpp"
#include "session/protocols.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using session::DescriptorErrc;
using session::DescriptorFields;
using session::PartyEntry;

struct SessionInitOptions {
  std::string id, purpose, protocol, parameters;
  std::vector<std::string> parties;
  std::uint32_t threshold = 0;  // 0: all
  std::uint32_t round_seconds = session::limits::kRoundTime.count();
  std::optional<base::UnixMillis> not_before, deadline;
  std::string out = kSessionFile;
  bool json = false;
};

// "name=bank-a,role=analyst,authority=a.cbor,parent=10.0.0.1:7001,enclave=worker"
Result<PartyEntry> read_party_option(const std::string& text) {
  std::map<std::string, std::string> given;
  for (const std::string& part : split_at_commas(text)) {
    const std::size_t equals = part.find('=');
    if (equals == part.npos ||
        !given.emplace(part.substr(0, equals), part.substr(equals + 1)).second) {
      return Error(DescriptorErrc::malformed, "--party " + policy::quote(text) + ": " +
                                                  policy::quote(part) +
                                                  " is no KEY=VALUE of its own");
    }
  }
  const auto take = [&](const char* key) {
    auto node = given.extract(key);
    return node ? std::move(node.mapped()) : std::string();
  };
  PartyEntry out;
  out.name = take("name");
  out.role = take("role");
  out.parent = take("parent");
  out.enclave = take("enclave");
  const std::string authority = take("authority");
  if (!given.empty() || out.name.empty() || out.role.empty() || out.parent.empty() ||
      out.enclave.empty() || authority.empty()) {
    return Error(DescriptorErrc::malformed,
                 "--party " + policy::quote(text) +
                     ": want name, role, authority, parent and enclave, and nothing else");
  }
  CONCORDAT_TRY(const attest::AuthorityDescriptor descriptor, read_authority_file(authority));
  out.realm = descriptor.realm();
  out.authority = descriptor.digest();
  return out;
}

Result<std::string> descriptor_text(const SessionInitOptions& options) {
  DescriptorFields fields;
  fields.id = options.id;
  fields.purpose = options.purpose;
  fields.protocol = options.protocol;
  fields.parameters = base::to_bytes(base::as_bytes("{}"));
  if (!options.parameters.empty()) {
    CONCORDAT_TRY(fields.parameters,
                  base::read_file(options.parameters, session::limits::kParameterBytes));
  }
  for (const std::string& text : options.parties) {
    CONCORDAT_TRY(PartyEntry party, read_party_option(text));
    fields.parties.push_back(std::move(party));
  }
  fields.threshold = options.threshold == 0 ? fields.parties.size() : options.threshold;
  fields.round_time = std::chrono::seconds(options.round_seconds);
  const base::UnixMillis now{base::system_wall_clock().value / 1000 * 1000};
  fields.not_before = options.not_before.value_or(now);
  fields.deadline = options.deadline.value_or(fields.not_before + std::chrono::hours(24));
  return session::encode_descriptor(fields);
}

ExitStatus run_session_init(const SessionInitOptions& options, const Invocation& invocation) {
  const auto refuse = [&](const Error& error) {
    return answer_failure(invocation, options.json, "session init", error);
  };
  const auto text = descriptor_text(options);
  if (!text) return refuse(text.error());
  const auto parsed = session::UnverifiedDescriptor::parse(*text);
  if (!parsed) return refuse(parsed.error());
  if (const auto taken = session::check_parameters(parsed->fields(), session::judge_parameters);
      !taken) {
    return refuse(taken.error());
  }
  if (const base::Status fresh = must_be_new(options.out, "signatures may be over it"); !fresh) {
    return refuse(fresh.error());
  }
  if (const base::Status written = base::write_file(options.out, base::as_bytes(*text)); !written) {
    return refuse(written.error());
  }
  auto fields = to_json(parsed->fields(), parsed->digest());
  fields["file"] = options.out;
  return answer(invocation, options.json, fields,
                to_text(parsed->fields(), parsed->digest()) + options.out +
                    " is for the signers of every realm: concordat session sign\n");
}

}  // namespace

void add_session_init(Command session, Invocation& invocation) {
  auto options = std::make_shared<SessionInitOptions>();
  const Command init = session.add_subcommand("init", "Write the descriptor of a session");
  init.add_option("--id", options->id, "Names the session; the policies' rules match it")
      .type_name("ID")
      .required();
  init.add_option("--purpose", options->purpose, "What for, in words").type_name("TEXT").required();
  init.add_option("--protocol", options->protocol,
                  "What is computed, one of: " + session::protocol_names())
      .type_name("PROTOCOL")
      .required();
  init.add_option("--parameters", options->parameters,
                  "The protocol's parameters: a JSON object, which it judges")
      .type_name("FILE");
  init.add_option("--party", options->parties,
                  "name=,role=,authority=FILE,parent=HOST:PORT,enclave=; once for each, in order")
      .type_name("PARTY")
      .one_value_each()
      .required();
  init.add_option("--threshold", options->threshold, "How many parties it takes; default: all")
      .type_name("N");
  init.add_option("--round-seconds", options->round_seconds, "How long a round may take, to 3600")
      .type_name("N")
      .capture_default_str();
  add_time(init, "--not-before", options->not_before, "When runs may begin; default: now");
  add_time(init, "--deadline", options->deadline, "When all ends; default: 24 hours later");
  init.add_option("--out", options->out, "Where to write it")
      .type_name("FILE")
      .capture_default_str();
  init.add_flag("--json", options->json, "Print one JSON object");
  init.footer(
      "Example:\n"
      "  concordat session init --id sums/2026-11 --purpose 'Fraud totals of November' \\\n"
      "      --protocol aggregate/1 --parameters sums.json --deadline 2026-12-05T00:00:00Z \\\n"
      "      --party "
      "name=bank-a,role=analyst,authority=a.cbor,parent=a.example:7001,enclave=analyst \\\n"
      "      --party "
      "name=bank-b,role=analyst,authority=b.cbor,parent=b.example:7001,enclave=analyst\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(init, invocation,
            [options, &invocation] { return run_session_init(*options, invocation); });
}

}  // namespace concordat::cli
