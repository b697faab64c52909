#include "deploy/cli/attest_report.hpp"

#include <nlohmann/json.hpp>

#include "attest/certificate.hpp"

namespace concordat::cli {
namespace {

using attest::DocumentFields;
using attest::VerifiedClaims;
using base::Bytes;
using nlohmann::ordered_json;

ordered_json hex_or_null(const std::optional<Bytes>& field) {
  return field ? ordered_json(base::to_hex(*field)) : ordered_json(nullptr);
}

ordered_json time_or_null(const std::optional<base::UnixMillis>& time) {
  return time ? ordered_json(base::format_rfc3339(*time)) : ordered_json(nullptr);
}

// `Fields` is VerifiedClaims or Shown: the same questions, asked by the same names.
template <class Fields>
ordered_json fields_json(const Fields& fields) {
  ordered_json pcrs = ordered_json::object();
  for (const auto& [index, value] : fields.pcrs())
    pcrs[std::to_string(index)] = value.hex();
  return {{"module_id", fields.module_id()},
          {"digest", attest::kDigestName},
          {"timestamp_ms", fields.timestamp().value},
          {"pcrs", pcrs},
          {"public_key", hex_or_null(fields.public_key())},
          {"user_data", hex_or_null(fields.user_data())},
          {"nonce", hex_or_null(fields.nonce())}};
}

class Shown {
 public:
  explicit Shown(const DocumentFields& fields) : fields_(fields) {}
  const auto& pcrs() const { return fields_.pcrs; }
  const auto& module_id() const { return fields_.module_id; }
  auto timestamp() const { return fields_.timestamp; }
  const auto& public_key() const { return fields_.public_key; }
  const auto& user_data() const { return fields_.user_data; }
  const auto& nonce() const { return fields_.nonce; }

 private:
  const DocumentFields& fields_;
};

ordered_json validity_json(const attest::Validity& validity) {
  return {{"not_before", base::format_rfc3339(validity.not_before)},
          {"not_after", base::format_rfc3339(validity.not_after)}};
}

std::string name_text(const X509_NAME* name) {
  const base::BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

ordered_json certificate_json(base::BytesView der) {
  const auto certificate = attest::parse_certificate(der, "certificate");
  if (!certificate) return {{"error", certificate.error().to_string()}};
  const X509* x509 = certificate->x509.get();
  ordered_json out = {{"subject", name_text(X509_get_subject_name(x509))},
                      {"issuer", name_text(X509_get_issuer_name(x509))}};
  out.update(validity_json(certificate->validity));
  return out;
}

// Text from a document may hold anything; as a JSON string it cannot move the cursor or the colours
// of a terminal.
std::string quoted(const std::string& text) {
  return ordered_json(text).dump(-1, ' ', true);
}

std::string line(std::string_view label, std::string_view value) {
  std::string out("  ");
  out.append(label).append(label.size() < 12 ? 12 - label.size() : 1, ' ');
  return out.append(value).append("\n");
}

std::string hex_or_absent(const std::optional<Bytes>& field) {
  if (!field) return "absent";
  return field->empty() ? "empty" : base::to_hex(*field);
}

template <class Fields>
std::string fields_text(const Fields& fields) {
  std::string out = line("module_id", quoted(fields.module_id())) +
                    line("made at", base::format_rfc3339(fields.timestamp()));
  std::string zero;
  for (const auto& [index, value] : fields.pcrs()) {
    const std::string label = "PCR" + std::to_string(index);
    if (value.is_zero()) {
      zero += (zero.empty() ? "" : " ") + label;
    } else {
      out += line(label, value.hex());
    }
  }
  if (!zero.empty()) out += line("zero", zero);
  return out + line("public_key", hex_or_absent(fields.public_key())) +
         line("user_data", hex_or_absent(fields.user_data())) +
         line("nonce", hex_or_absent(fields.nonce()));
}

attest::Validity validity_of(const VerifiedClaims& claims) {
  return {claims.leaf_not_before(), claims.leaf_not_after()};
}

void add_refusal(ordered_json& out, const base::Error& error) {
  const attest::Refusal& refusal = *attest::find_refusal(error);
  out["step"] = attest::name(refusal.step);
  out["code"] = refusal.name;
  out["message"] = refusal.message;
  out["detail"] = error.detail();
}

}  // namespace

ordered_json to_json(const Verdict& verdict) {
  ordered_json out = {{"verdict", verdict.outcome ? "accept" : "refuse"},
                      {"root", attest::name(verdict.root)},
                      {"verified_at", time_or_null(verdict.at)}};
  if (!verdict.outcome) {
    add_refusal(out, verdict.outcome.error());
    return out;
  }
  for (const char* key : {"step", "code", "message", "detail"})
    out[key] = nullptr;
  ordered_json& claims = out["claims"] = fields_json(*verdict.outcome);
  claims["debug"] = verdict.outcome->debug();
  claims["certificate"] = validity_json(validity_of(*verdict.outcome));
  return out;
}

std::string to_text(const Verdict& verdict) {
  if (!verdict.outcome) return refusal_text(verdict.outcome.error());
  const VerifiedClaims& claims = *verdict.outcome;
  std::string out = "accepted";
  if (claims.debug()) out += " (DEBUG MODE: the image is not what it says)";
  out.append("\n");
  out += line("root", attest::name(verdict.root)) +
         line("verified at", base::format_rfc3339(verdict.at.value()));
  out += fields_text(claims);
  return out + line("certificate", base::format_rfc3339(claims.leaf_not_before()) + " to " +
                                       base::format_rfc3339(claims.leaf_not_after()));
}

ordered_json to_json(const DocumentFields& unverified) {
  ordered_json out = {{"verified", false}, {"warning", kUnverifiedWarning}};
  ordered_json& document = out["document"] = fields_json(Shown(unverified));
  document["certificate"] = certificate_json(unverified.certificate);
  document["cabundle"] = ordered_json::array();
  for (const Bytes& der : unverified.cabundle) {
    document["cabundle"].push_back(certificate_json(der));
  }
  return out;
}

std::string to_text(const DocumentFields& unverified) {
  std::string out(kUnverifiedWarning);
  out += "\n" + fields_text(Shown(unverified));
  const auto add = [&out](std::string_view label, base::BytesView der) {
    const ordered_json certificate = certificate_json(der);
    out += line(label, certificate.dump(-1, ' ', true));
  };
  for (std::size_t i = 0; i < unverified.cabundle.size(); ++i) {
    add("cabundle[" + std::to_string(i) + "]", unverified.cabundle[i]);
  }
  add("certificate", unverified.certificate);
  return out;
}

ordered_json refusal_json(const base::Error& error) {
  ordered_json out = {{"verdict", "refuse"}};
  add_refusal(out, error);
  return out;
}

std::string refusal_text(const base::Error& error) {
  const attest::Refusal& refusal = *attest::find_refusal(error);
  std::string out = "refused at step ";
  out.append(attest::name(refusal.step)).append(" (").append(refusal.name).append("): ");
  return out.append(error.to_string()).append("\n");
}

}  // namespace concordat::cli
