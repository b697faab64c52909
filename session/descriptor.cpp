#include "session/descriptor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "peer/endpoint.hpp"
#include "peer/relay_preface.hpp"
#include "policy/field_reader.hpp"
#include "policy/key_pattern.hpp"
#include "policy/names.hpp"

namespace concordat::session {
namespace {

using base::Error;
using base::Result;
using base::Status;
using policy::PolicyErrc;
using policy::quote;
using policy::json::Fields;
using policy::json::Kind;
using policy::json::Path;
using policy::json::Report;
using policy::json::Value;

constexpr policy::json::Bounds kBounds{limits::kDescriptorBytes, limits::kDescriptorDepth,
                                       limits::kDescriptorValues};
constexpr std::size_t kTimeLength = 32;

// Where the object that begins at `start` of well-formed JSON ends.
std::string_view object_at(std::string_view text, std::size_t start) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = start; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
      continue;
    }
    if (c == '"') in_string = true;
    if (c == '{') ++depth;
    if (c == '}' && --depth == 0) return text.substr(start, i + 1 - start);
  }
  return text.substr(start);
}

class DescriptorReader {
 public:
  DescriptorReader(std::string_view text, Report& report) : text_(text), report_(report) {}

  DescriptorFields read(const Value& root) {
    const Path path;
    const Fields file(root, path, report_,
                      {"format", "id", "purpose", "protocol", "parameters", "parties", "threshold",
                       "round_seconds", "not_before", "deadline"});
    if (root.kind != Kind::object) return {};
    read_names(file);
    read_parameters(file);
    if (const Value* const list = file.get("parties")) read_parties(*list, file.path("parties"));
    out_.threshold = static_cast<std::size_t>(file.integer("threshold", 1, limits::kMaxParties));
    if (!report_.has_errors() && out_.threshold > out_.parties.size()) {
      file.error(PolicyErrc::bad_value, "threshold",
                 std::to_string(out_.threshold) + " of " + std::to_string(out_.parties.size()) +
                     " parties");
    }
    const auto longest = static_cast<std::uint64_t>(limits::kMaxRoundTime.count());
    out_.round_time = std::chrono::seconds(file.integer("round_seconds", 1, longest));
    out_.not_before = read_time(file, "not_before");
    out_.deadline = read_time(file, "deadline");
    if (!report_.has_errors()) check_times(file);
    return std::move(out_);
  }

 private:
  void read_names(const Fields& file) {
    if (const auto format = file.text("format", policy::limits::kNameLength);
        !format.empty() && format != kDescriptorFormat) {
      file.error(PolicyErrc::bad_value, "format",
                 "want " + quote(kDescriptorFormat) + ", found " + quote(format));
    }
    out_.id = file.text("id", policy::limits::kSessionIdLength);
    if (!out_.id.empty()) {
      if (const Status id = policy::check_key_name(out_.id); !id)
        file.error(PolicyErrc::bad_value, "id", id.error().detail());
    }
    out_.purpose = file.text("purpose", limits::kPurposeLength);
    if (std::ranges::any_of(out_.purpose, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) {
      file.error(PolicyErrc::bad_value, "purpose", "control characters");
    }
    out_.protocol = file.text("protocol", policy::limits::kProtocolLength);
    if (!out_.protocol.empty() && !policy::is_protocol_name(out_.protocol)) {
      file.error(PolicyErrc::bad_value, "protocol",
                 quote(out_.protocol) + " is no protocol and version such as \"aggregate/1\"");
    }
  }

  void read_parameters(const Fields& file) {
    const Value* const value = file.get("parameters", Kind::object);
    if (value == nullptr) return;
    const std::string_view text = object_at(text_, value->offset);
    if (text.size() > limits::kParameterBytes) {
      return file.error(PolicyErrc::bad_value, "parameters",
                        "more than " + std::to_string(limits::kParameterBytes) + " bytes");
    }
    out_.parameters = base::to_bytes(base::as_bytes(text));
  }

  base::UnixMillis read_time(const Fields& file, std::string_view key) {
    const std::string_view text = file.text(key, kTimeLength);
    if (text.empty()) return {};
    const auto time = base::parse_rfc3339(text);
    if (time) return *time;
    file.error(PolicyErrc::bad_value, key,
               quote(text) + " is no RFC 3339 time such as \"2026-01-31T00:00:00Z\"");
    return {};
  }

  void check_times(const Fields& file) {
    if (out_.deadline <= out_.not_before) {
      file.error(PolicyErrc::bad_validity, "deadline", "must be later than not_before");
    } else if (out_.deadline - out_.not_before > limits::kMaxLife) {
      file.error(PolicyErrc::bad_validity, "deadline", "more than 90 days after not_before");
    }
  }

  void read_parties(const Value& list, const Path& path) {
    policy::json::read_items(list, path, report_, limits::kMaxParties,
                             [&](const Value& item, const Path& at) { read_party(item, at); });
    if (list.kind == Kind::array && list.items.size() < limits::kMinParties) {
      report_.error(PolicyErrc::bad_value, path, "fewer than two parties");
    }
  }

  void read_party(const Value& value, const Path& path) {
    const Fields fields(value, path, report_,
                        {"name", "realm", "authority", "role", "parent", "enclave"});
    PartyEntry out;
    out.name = read_name(fields, "name");
    out.role = read_name(fields, "role");
    out.realm = fields.text("realm", attest::kMaxRealmSize);
    if (!out.realm.empty()) {
      if (const Status realm = attest::check_realm(out.realm); !realm)
        fields.error(PolicyErrc::bad_value, "realm", realm.error().detail());
    }
    const std::string_view authority = fields.text("authority", 2 * out.authority.kSize);
    if (const auto digest = attest::AuthorityDigest::from_hex(authority)) {
      out.authority = *digest;
    } else if (!authority.empty()) {
      fields.error(PolicyErrc::bad_value, "authority", "want 96 hexadecimal digits");
    }
    out.parent = fields.text("parent", peer::kMaxHostName + 8);
    if (!out.parent.empty()) {
      if (const auto address = peer::parse_host_port(out.parent); !address)
        fields.error(PolicyErrc::bad_value, "parent", address.error().to_string());
    }
    out.enclave = fields.text("enclave", peer::kMaxEnclaveName);
    if (!out.enclave.empty() && !peer::is_enclave_name(out.enclave)) {
      fields.error(PolicyErrc::bad_value, "enclave",
                   quote(out.enclave) + ": want 1 to 63 of a-z, 0-9 and '-'");
    }
    check_apart(fields, out);
    out_.parties.push_back(std::move(out));
  }

  std::string read_name(const Fields& fields, std::string_view key) {
    const std::string_view name = fields.text(key, policy::limits::kNameLength);
    if (!name.empty() && !policy::is_name(name)) {
      fields.error(PolicyErrc::bad_value, key, quote(name) + " is no name: " + policy::kNameRule);
    }
    return std::string(name);
  }

  // Two entries that could be one and the same enclave, or one realm with two heads.
  void check_apart(const Fields& fields, const PartyEntry& party) {
    for (const PartyEntry& other : out_.parties) {
      if (other.name == party.name)
        fields.error(PolicyErrc::bad_value, "name", quote(party.name) + " is there twice");
      if (other.parent == party.parent && other.enclave == party.enclave) {
        fields.error(PolicyErrc::bad_value, "enclave", "the enclave of " + quote(other.name));
      }
      if ((other.realm == party.realm) != (other.authority == party.authority)) {
        fields.error(PolicyErrc::bad_value, "authority",
                     "one realm has one authority, and no two realms have the same; see " +
                         quote(other.name));
      }
    }
  }

  std::string_view text_;
  Report& report_;
  DescriptorFields out_;
};

}  // namespace

const PartyEntry* DescriptorFields::party(PartyIndex index) const noexcept {
  return index == 0 || index > parties.size() ? nullptr : &parties[index - 1];
}

std::vector<PartyIndex> DescriptorFields::indices() const {
  std::vector<PartyIndex> out;
  for (std::size_t i = 1; i <= parties.size(); ++i)
    out.push_back(static_cast<PartyIndex>(i));
  return out;
}

std::string DescriptorFields::name_of(PartyIndex index) const {
  const PartyEntry* const entry = party(index);
  return "party " + std::to_string(index) + (entry == nullptr ? "" : " (" + entry->name + ")");
}

Result<std::string> encode_descriptor(const DescriptorFields& fields) {
  using Json = nlohmann::ordered_json;
  Json parties = Json::array();
  for (const PartyEntry& party : fields.parties) {
    parties.push_back({{"name", party.name},
                       {"realm", party.realm},
                       {"authority", party.authority.hex()},
                       {"role", party.role},
                       {"parent", party.parent},
                       {"enclave", party.enclave}});
  }
  Json parameters = Json::parse(base::as_text(fields.parameters), nullptr, false);
  if (!parameters.is_object()) {
    return Error(DescriptorErrc::malformed, "/parameters: want a JSON object");
  }
  const Json out = {{"format", kDescriptorFormat},
                    {"id", fields.id},
                    {"purpose", fields.purpose},
                    {"protocol", fields.protocol},
                    {"parameters", std::move(parameters)},
                    {"parties", std::move(parties)},
                    {"threshold", fields.threshold},
                    {"round_seconds", fields.round_time.count()},
                    {"not_before", base::format_rfc3339(fields.not_before)},
                    {"deadline", base::format_rfc3339(fields.deadline)}};
  std::string text = out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  CONCORDAT_CHECK(UnverifiedDescriptor::parse(text));
  return text;
}

Result<UnverifiedDescriptor> UnverifiedDescriptor::parse(std::string_view text) {
  const policy::json::Parsed parsed = policy::json::parse(text, kBounds);
  if (!parsed.root) return Error(DescriptorErrc::malformed, parsed.why.to_string());
  Report report;
  UnverifiedDescriptor out;
  out.fields_ = DescriptorReader(text, report).read(*parsed.root);
  const policy::Findings findings = std::move(report).take(text, *parsed.root);
  if (!findings.empty()) return Error(DescriptorErrc::malformed, findings.front().to_string());
  out.digest_ = base::sha256({base::as_bytes(text)});
  return out;
}

Result<const attest::AuthorityDescriptor*> authority_of(
    const PartyEntry& party, std::span<const attest::AuthorityDescriptor> authorities) {
  const auto found =
      std::ranges::find(authorities, party.authority, &attest::AuthorityDescriptor::digest);
  if (found == authorities.end()) {
    return Error(DescriptorErrc::authority_missing,
                 quote(party.name) + " of realm " + quote(party.realm) + " is under authority " +
                     party.authority.hex());
  }
  if (found->realm() != party.realm) {
    return Error(DescriptorErrc::authority_missing,
                 quote(party.name) + " is said to be of realm " + quote(party.realm) +
                     ", its authority is of realm " + quote(found->realm()));
  }
  return &*found;
}

Status check_parameters(const DescriptorFields& fields, const JudgeParameters& judge) {
  const Status taken =
      judge(fields.protocol, fields.parameters, fields.parties.size(), fields.threshold);
  if (taken) return {};
  return Error(DescriptorErrc::parameters_refused,
               quote(fields.protocol) + ": " + taken.error().to_string());
}

Result<DescriptorPtr> VerifiedDescriptor::verify(
    base::BytesView envelope, std::span<const attest::AuthorityDescriptor> authorities,
    const JudgeParameters& judge) {
  if (envelope.size() > limits::kEnvelopeBytes) {
    return Error(DescriptorErrc::malformed,
                 "an envelope of more than " + std::to_string(limits::kEnvelopeBytes) + " bytes");
  }
  CONCORDAT_TRY(const policy::Envelope parsed,
                policy::Envelope::parse(envelope, limits::kSignatures));
  if (parsed.payload_type != kDescriptorPayloadType) {
    return Error(policy::SignatureErrc::wrong_payload_type,
                 "want " + quote(kDescriptorPayloadType) + ", found " + quote(parsed.payload_type));
  }
  CONCORDAT_TRY(UnverifiedDescriptor claimed,
                UnverifiedDescriptor::parse(base::as_text(parsed.payload)));
  const std::shared_ptr<VerifiedDescriptor> out(new VerifiedDescriptor);
  std::set<attest::AuthorityDigest> counted;
  for (const PartyEntry& party : claimed.fields_.parties) {
    CONCORDAT_TRY(const attest::AuthorityDescriptor* const authority,
                  authority_of(party, authorities));
    if (!counted.insert(party.authority).second) continue;
    if (const Status enough = policy::verify_envelope(parsed, kDescriptorPayloadType, *authority);
        !enough) {
      return Error(DescriptorErrc::not_signed,
                   "realm " + quote(party.realm) + ": " + enough.error().to_string());
    }
    out->authorities_.push_back(*authority);
  }
  CONCORDAT_CHECK(check_parameters(claimed.fields_, judge));
  out->fields_ = std::move(claimed.fields_);
  out->digest_ = claimed.digest_;
  out->envelope_ = base::to_bytes(envelope);
  return DescriptorPtr(out);
}

Status VerifiedDescriptor::usable_at(base::UnixMillis now) const {
  if (now < fields_.not_before) {
    return Error(DescriptorErrc::not_yet,
                 "it begins at " + base::format_rfc3339(fields_.not_before));
  }
  if (now >= fields_.deadline) {
    return Error(DescriptorErrc::deadline_passed,
                 "it ended at " + base::format_rfc3339(fields_.deadline));
  }
  return {};
}

}  // namespace concordat::session
