// concordat session check
#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/session_command.hpp"
#include "session/party_question.hpp"
#include "session/protocols.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using nlohmann::ordered_json;
using policy::Requirement;
using session::DescriptorFields;
using session::PartyIndex;

struct SessionCheckOptions {
  std::string session = kSignedSessionFile;
  std::vector<std::string> authorities;
  std::string policy = "policy.json";
  std::string self;
  std::vector<std::string> documents;  // "PARTY=FILE"
  std::string lab_root;
  std::optional<base::UnixMillis> at;
  bool json = false;
};

// What is wanted of one party, or of the session as a whole.
struct CheckedParty {
  std::string name;
  std::vector<Requirement> requirements;
  base::Status verdict;  // the first failure, with its code
  bool has_document = false;
};

// A line that is no policy's: its failure has a code of sessions.
void require_line(CheckedParty& party, const std::string& subject, const std::string& wanted,
                  const std::string& found, const base::Status& met) {
  party.requirements.push_back({subject, wanted, found, met.has_value(), {}});
  if (party.verdict && !met) party.verdict = met.error();
}

CheckedParty check_whole(const SessionFile& file, const SessionCheckOptions& options) {
  CheckedParty out{"session", {}, {}};
  const DescriptorFields& fields = file.descriptor.fields();
  const base::UnixMillis at = options.at.value_or(base::system_wall_clock());
  base::Status in_time;
  if (at >= fields.deadline) in_time = base::Error(session::DescriptorErrc::deadline_passed);
  require_line(out, "deadline", "later than " + base::format_rfc3339(at),
               base::format_rfc3339(fields.deadline), in_time);
  const base::Status taken = session::check_parameters(fields, session::judge_parameters);
  require_line(out, "parameters", "taken by " + fields.protocol,
               taken ? "taken" : taken.error().detail(), taken);
  return out;
}

void check_signatures(CheckedParty& out, const SessionFile& file, const session::PartyEntry& party,
                      const std::vector<attest::AuthorityDescriptor>& authorities) {
  const auto authority = session::authority_of(party, authorities);
  if (!authority) {
    return require_line(out, "authority descriptor", party.authority.hex(), "not given",
                        authority.error());
  }
  const std::size_t valid = policy::valid_signers(file.envelope, **authority).size();
  base::Status enough;
  if (valid < (*authority)->threshold()) {
    enough = base::Error(session::DescriptorErrc::not_signed, "realm " + party.realm);
  }
  require_line(out, "signatures of realm " + party.realm,
               std::to_string((*authority)->threshold()) + " of " +
                   std::to_string((*authority)->signers().size()) + " signers",
               std::to_string(valid), enough);
}

void check_policy_of(CheckedParty& out, const DescriptorFields& fields, PartyIndex self,
                     PartyIndex index, const policy::Model& model,
                     const attest::VerifiedClaims* claims) {
  const policy::Evaluation evaluation = policy::evaluate_party(
      model, session::question_about(fields, *fields.party(index), fields.party(self)->role),
      claims, attest::authority_pcr16(model.authority));
  out.requirements.insert(out.requirements.end(), evaluation.requirements.begin(),
                          evaluation.requirements.end());
  out.has_document = claims != nullptr;
  if (out.verdict && !evaluation.verdict) out.verdict = evaluation.verdict.error();
}

void check_own(CheckedParty& out, const DescriptorFields& fields, PartyIndex self,
               const policy::Model& model) {
  const session::PartyEntry& own = *fields.party(self);
  base::Status same;
  if (own.realm != model.realm || own.authority != model.authority) {
    same = base::Error(session::DescriptorErrc::no_such_party,
                       "the policy is of realm " + model.realm + ", this party of another");
  }
  require_line(out, "authority of the policy", own.authority.hex(), model.authority.hex(), same);
}

Result<std::map<PartyIndex, attest::VerifiedClaims>> read_documents(
    const SessionCheckOptions& options, const DescriptorFields& fields) {
  std::map<PartyIndex, attest::VerifiedClaims> out;
  for (const std::string& text : options.documents) {
    const std::size_t equals = std::min(text.find('='), text.size());
    CONCORDAT_TRY(const PartyIndex index, party_named(fields, text.substr(0, equals)));
    CONCORDAT_TRY(attest::VerifiedClaims claims,
                  read_claims(text.substr(std::min(equals + 1, text.size())), options.lab_root));
    out.insert_or_assign(index, std::move(claims));
  }
  return out;
}

struct CheckedSession {
  session::UnverifiedDescriptor descriptor;
  std::vector<CheckedParty> parties;
};

Result<CheckedSession> check_session(const SessionCheckOptions& options) {
  CONCORDAT_TRY(const SessionFile file, read_session_file(options.session));
  const DescriptorFields& fields = file.descriptor.fields();
  CONCORDAT_TRY(const auto authorities, read_authorities(options.authorities));
  CONCORDAT_TRY(const policy::PolicyFile own, read_any_policy(options.policy));
  CONCORDAT_TRY(const PartyIndex self, party_named(fields, options.self));
  CONCORDAT_TRY(const auto documents, read_documents(options, fields));
  CheckedSession out{file.descriptor, {check_whole(file, options)}};
  for (const PartyIndex index : fields.indices()) {
    CheckedParty party{fields.name_of(index), {}, {}};
    check_signatures(party, file, *fields.party(index), authorities);
    const auto document = documents.find(index);
    if (index == self) {
      check_own(party, fields, self, own.model);
    } else {
      check_policy_of(party, fields, self, index, own.model,
                      document == documents.end() ? nullptr : &document->second);
    }
    out.parties.push_back(std::move(party));
  }
  return out;
}

ordered_json to_json(const CheckedParty& party) {
  ordered_json list = ordered_json::array();
  for (const Requirement& requirement : party.requirements) {
    list.push_back({{"subject", requirement.subject},
                    {"wanted", requirement.wanted},
                    {"found", requirement.found},
                    {"met", requirement.met}});
  }
  ordered_json out = {{"party", party.name}, {"verdict", party.verdict ? "admit" : "refuse"}};
  if (!party.verdict) {
    out["code"] = party.verdict.error().name();
    out["reason"] = party.verdict.error().to_string();
  }
  out["document"] = party.has_document;
  out["requirements"] = std::move(list);
  return out;
}

std::string to_text(const CheckedParty& party) {
  std::string out = party.name + "\n";
  for (const Requirement& requirement : party.requirements) {
    out += std::string(requirement.met ? "  ok   " : "  FAIL ") + requirement.subject +
           "\n         wanted " + requirement.wanted + "\n         found  " + requirement.found +
           "\n";
  }
  if (party.verdict) return out;
  return out + "  refused: " + party.verdict.error().to_string() + " [" +
         std::string(party.verdict.error().name()) + "]\n";
}

ExitStatus run_session_check(const SessionCheckOptions& options, const Invocation& invocation) {
  const auto checked = check_session(options);
  if (!checked) return answer_failure(invocation, options.json, "session check", checked.error());
  const bool good = std::ranges::all_of(
      checked->parties, [](const CheckedParty& party) { return party.verdict.has_value(); });
  if (options.json) {
    ordered_json list = ordered_json::array();
    for (const CheckedParty& party : checked->parties)
      list.push_back(to_json(party));
    print_json(invocation, {{"ok", good},
                            {"id", checked->descriptor.fields().id},
                            {"digest", checked->descriptor.digest().hex()},
                            {"parties", std::move(list)}});
  } else {
    invocation.out << checked->descriptor.fields().id << ", digest "
                   << checked->descriptor.digest().hex() << "\n";
    for (const CheckedParty& party : checked->parties)
      invocation.out << to_text(party);
    invocation.out << (good ? "accepted: may form\n" : "refused: would not form\n");
  }
  return good ? ExitStatus::done : ExitStatus::refused;
}

}  // namespace

void add_session_check(Command session, Invocation& invocation) {
  auto options = std::make_shared<SessionCheckOptions>();
  const Command check = session.add_subcommand(
      "check", "Say for each party what is wanted of it, what was found, and the verdict");
  check.add_option("FILE", options->session, "Signed session, or its descriptor")
      .capture_default_str();
  add_authorities(check, options->authorities);
  check.add_option("--policy", options->policy, "One's own policy, or a signed one")
      .type_name("FILE")
      .capture_default_str();
  check.add_option("--as", options->self, "Which party one is: its name or index")
      .type_name("PARTY")
      .required();
  check
      .add_option("--document", options->documents,
                  "PARTY=FILE: an attestation document of another party's enclave")
      .type_name("DOCUMENT")
      .one_value_each();
  add_time(check, "--at", options->at, "Judge as of this time (RFC 3339); default: now");
  add_lab_root(check, invocation, options->lab_root);
  check.add_flag("--json", options->json, "Print one JSON object");
  check.footer(
      "Without a document a party's enclave is not judged, only what policy says of its role.\n"
      "Examples:\n"
      "  concordat session check --as bank-a --authority a.cbor --authority b.cbor\n"
      "  concordat session check session.json --as 1 --authority a.cbor --authority b.cbor \\\n"
      "      --document bank-b=from-b.cbor --json\n"
      "Exit status: 0 all admitted, 2 refused, 1 usage or input/output error.");
  on_chosen(check, invocation,
            [options, &invocation] { return run_session_check(*options, invocation); });
}

}  // namespace concordat::cli
