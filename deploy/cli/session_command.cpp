// concordat session
#include "deploy/cli/session_command.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/authority_files.hpp"
#include "policy/finding.hpp"

namespace concordat::cli {

using base::Result;
using nlohmann::ordered_json;
using session::DescriptorFields;

void add_authorities(Command command, std::vector<std::string>& paths) {
  command.add_option("--authority", paths, "Authority descriptor of a party's realm; once for each")
      .type_name("FILE")
      .one_value_each()
      .required();
}

Result<std::vector<attest::AuthorityDescriptor>> read_authorities(
    const std::vector<std::string>& paths) {
  std::vector<attest::AuthorityDescriptor> out;
  for (const std::string& path : paths) {
    CONCORDAT_TRY(attest::AuthorityDescriptor authority, read_authority_file(path));
    out.push_back(std::move(authority));
  }
  return out;
}

Result<SessionFile> read_session_file(const std::string& path) {
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, session::limits::kEnvelopeBytes));
  // A descriptor says which it is; what does not is taken for an envelope.
  if (auto plain = session::UnverifiedDescriptor::parse(base::as_text(content));
      plain || base::as_text(content).find("\"payloadType\"") == std::string_view::npos) {
    if (!plain) return base::Error(plain.error().code(), path + ": " + plain.error().detail());
    return SessionFile{{std::string(session::kDescriptorPayloadType), content, {}},
                       *std::move(plain)};
  }
  CONCORDAT_TRY(policy::Envelope envelope,
                policy::Envelope::parse(content, session::limits::kSignatures));
  if (envelope.payload_type != session::kDescriptorPayloadType) {
    return base::Error(policy::SignatureErrc::wrong_payload_type,
                       path + ": " + policy::quote(envelope.payload_type) + " is no session");
  }
  CONCORDAT_TRY(session::UnverifiedDescriptor descriptor,
                session::UnverifiedDescriptor::parse(base::as_text(envelope.payload)));
  return SessionFile{std::move(envelope), std::move(descriptor)};
}

Result<session::PartyIndex> party_named(const DescriptorFields& fields, const std::string& text) {
  for (const session::PartyIndex index : fields.indices()) {
    if (fields.party(index)->name == text || std::to_string(index) == text) return index;
  }
  return base::Error(session::DescriptorErrc::no_such_party, policy::quote(text));
}

ordered_json to_json(const DescriptorFields& fields, const session::DescriptorDigest& digest) {
  ordered_json parties = ordered_json::array();
  for (const session::PartyIndex index : fields.indices()) {
    const session::PartyEntry& party = *fields.party(index);
    parties.push_back({{"party", index},
                       {"name", party.name},
                       {"realm", party.realm},
                       {"authority", party.authority.hex()},
                       {"pcr16", party.pcr16().hex()},
                       {"role", party.role},
                       {"parent", party.parent},
                       {"enclave", party.enclave}});
  }
  return {{"id", fields.id},
          {"digest", digest.hex()},
          {"purpose", fields.purpose},
          {"protocol", fields.protocol},
          {"parameters", ordered_json::parse(base::as_text(fields.parameters))},
          {"threshold", fields.threshold},
          {"round_seconds", fields.round_time.count()},
          {"not_before", base::format_rfc3339(fields.not_before)},
          {"deadline", base::format_rfc3339(fields.deadline)},
          {"parties", std::move(parties)}};
}

std::string to_text(const DescriptorFields& fields, const session::DescriptorDigest& digest) {
  std::string out = "session    " + fields.id + "\ndigest     " + digest.hex() + "\npurpose    " +
                    policy::quote(fields.purpose) + "\nprotocol   " + fields.protocol +
                    ", parameters " +
                    ordered_json::parse(base::as_text(fields.parameters))
                        .dump(-1, ' ', true, ordered_json::error_handler_t::replace) +
                    "\nthreshold  " + std::to_string(fields.threshold) + " of " +
                    std::to_string(fields.parties.size()) + "\nrounds     of " +
                    std::to_string(fields.round_time.count()) + " seconds\nruns       " +
                    base::format_rfc3339(fields.not_before) + " to " +
                    base::format_rfc3339(fields.deadline) + "\n";
  for (const session::PartyIndex index : fields.indices()) {
    const session::PartyEntry& party = *fields.party(index);
    out += fields.name_of(index) + ": role " + party.role + " of realm " + party.realm +
           "\n  authority " + party.authority.hex() + "\n  at        enclave " + party.enclave +
           " behind " + party.parent + "\n";
  }
  return out;
}

void add_session_commands(Command app, Invocation& invocation) {
  const Command session =
      app.add_subcommand("session", "Agree with other realms on a computation, and prove it after");
  session.require_subcommand();
  add_session_init(session, invocation);
  add_session_sign(session, invocation);
  add_session_check(session, invocation);
  add_session_run(session, invocation);
  add_session_settle(session, invocation);
  add_session_show(session, invocation);
  add_session_verify_receipt(session, invocation);
  add_session_verify_evidence(session, invocation);
  session.footer(
      "One realm writes the descriptor (init); signers of every realm sign the same bytes (sign);\n"
      "each realm looks whether its own policy lets the others in (check), and has its enclave\n"
      "take part (run).\n"
      "Example:\n"
      "  concordat session show session.signed.json\n"
      "Exit status: 0 done or accepted, 2 refused, 1 usage or input/output error.");
}

}  // namespace concordat::cli
