// concordat attest verify | show
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "attest/verify.hpp"
#include "deploy/cli/attest_report.hpp"
#include "deploy/cli/commands.hpp"
#include "deploy/cli/document_file.hpp"

namespace concordat::cli {
namespace {

using attest::DebugDocuments;
using attest::TrustAnchors;
using attest::UnverifiedDocument;
using attest::VerifiedClaims;
using base::Error;
using base::Result;
using base::Status;
using base::UnixMillis;

struct VerifyOptions {
  std::string file;
  std::string at = "now";
  // Not given, which is something else than empty: an empty shell variable must not drop a check.
  std::optional<std::string> root;
  std::optional<std::string> nonce;
  std::vector<std::string> pcrs;
  bool allow_debug = false;
  bool json = false;
};

struct RequiredPcr {
  unsigned index;
  attest::PcrValue value;
};

// The options once understood.
struct Requirements {
  enum class At { document, now, given } at = At::now;
  std::optional<UnixMillis> time;  // now or given; of the document: not known yet
  TrustAnchors anchors = TrustAnchors::aws();
  base::Bytes nonce;  // empty: not required
  std::vector<RequiredPcr> pcrs;
  DebugDocuments debug = DebugDocuments::refuse;
};

Result<RequiredPcr> parse_pcr(const std::string& text) {
  const std::size_t equals = text.find('=');
  unsigned index = attest::kPcrCount;
  if (equals != std::string::npos) {
    const char* end = text.data() + equals;
    const auto [at, error] = std::from_chars(text.data(), end, index);
    if (error != std::errc() || at != end) index = attest::kPcrCount;
  }
  if (index >= attest::kPcrCount) {
    return Error(attest::Errc::bad_pcr_index, "want N=HEX with N from 0 to 31, got '" + text + "'");
  }
  CONCORDAT_TRY(const auto value, attest::PcrValue::from_hex(text.substr(equals + 1)));
  return RequiredPcr{index, value};
}

Status read_time(const std::string& text, Requirements& out) {
  if (text == "document") {
    out.at = Requirements::At::document;
  } else if (text == "now") {
    out.time = base::system_wall_clock();
  } else {
    out.at = Requirements::At::given;
    CONCORDAT_TRY(out.time, base::parse_rfc3339(text));
  }
  return {};
}

Result<TrustAnchors> read_root(const std::string& path) {
  constexpr std::size_t kMaxRootFile = 64 * 1024;
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, kMaxRootFile));
  return attest::trust_anchors_from_root(content);
}

// Fills `out`; on failure returns the option at fault with its error.
std::optional<std::pair<std::string, Error>> understand(const VerifyOptions& options,
                                                        Requirements& out) {
  if (options.allow_debug) out.debug = DebugDocuments::allow;
  if (const Status time = read_time(options.at, out); !time) return {{"--at", time.error()}};
  if (options.root) {
    auto anchors = read_root(*options.root);
    if (!anchors) return {{"--root", anchors.error()}};
    out.anchors = *std::move(anchors);
  }
  if (options.nonce) {
    auto nonce = base::from_hex(*options.nonce);
    if (!nonce) return {{"--nonce", nonce.error()}};
    if (nonce->empty()) return {{"--nonce", Error(base::EncodingErrc::wrong_length, "empty")}};
    out.nonce = *std::move(nonce);
  }
  for (const std::string& text : options.pcrs) {
    auto pcr = parse_pcr(text);
    if (!pcr) return {{"--pcr", pcr.error()}};
    out.pcrs.push_back(*pcr);
  }
  return std::nullopt;
}

Result<VerifiedClaims> check(const UnverifiedDocument& document, UnixMillis at,
                             const Requirements& wanted) {
  CONCORDAT_TRY(VerifiedClaims claims,
                attest::verify_archived(document, wanted.anchors, at, wanted.debug));
  if (wanted.at == Requirements::At::now) CONCORDAT_CHECK(attest::require_fresh(claims, at));
  if (!wanted.nonce.empty()) CONCORDAT_CHECK(attest::require_nonce(claims, wanted.nonce));
  for (const RequiredPcr& pcr : wanted.pcrs) {
    CONCORDAT_CHECK(attest::require_pcr(claims, pcr.index, pcr.value));
  }
  return claims;
}

// What is refused before its root is known was judged under the first root that would have done.
Verdict judge(const Result<base::Bytes>& bytes, const Requirements& wanted) {
  Verdict verdict{wanted.anchors.roots().front().kind, wanted.time, Error()};
  const auto document =
      bytes ? UnverifiedDocument::parse(*bytes) : Result<UnverifiedDocument>(bytes.error());
  if (!document) {
    verdict.outcome = document.error();
    return verdict;
  }
  const attest::DocumentFields& fields = document->unverified();
  verdict.root = wanted.anchors.find(fields.cabundle.front()).value_or(verdict.root);
  if (wanted.at == Requirements::At::document) verdict.at = fields.timestamp;
  verdict.outcome = check(*document, verdict.at.value(), wanted);
  return verdict;
}

ExitStatus run_verify(const VerifyOptions& options, const Invocation& invocation) {
  Requirements wanted;
  if (const auto fault = understand(options, wanted)) {
    return fail(invocation, fault->first, fault->second);
  }
  const auto bytes = read_document_file(options.file);
  if (!bytes && !attest::find_refusal(bytes.error())) {
    return fail(invocation, "document", bytes.error());
  }
  const Verdict verdict = judge(bytes, wanted);
  if (!verdict.outcome && !attest::find_refusal(verdict.outcome.error())) {
    return fail(invocation, "document", verdict.outcome.error());
  }
  invocation.out << (options.json ? to_json(verdict).dump() + "\n" : to_text(verdict));
  return verdict.outcome ? ExitStatus::done : ExitStatus::refused;
}

ExitStatus run_show(const std::string& file, bool json, const Invocation& invocation) {
  const auto bytes = read_document_file(file);
  if (!bytes && !attest::find_refusal(bytes.error()))
    return fail(invocation, "document", bytes.error());
  const auto document =
      bytes ? UnverifiedDocument::parse(*bytes) : Result<UnverifiedDocument>(bytes.error());
  if (!document) {
    invocation.out << (json ? refusal_json(document.error()).dump() + "\n"
                            : refusal_text(document.error()));
    return ExitStatus::refused;
  }
  const attest::DocumentFields& fields = document->unverified();
  invocation.err << invocation.program << ": " << kUnverifiedWarning << "\n";
  invocation.out << (json ? to_json(fields).dump() + "\n" : to_text(fields));
  return ExitStatus::done;
}

void add_file(Command command, std::string& file) {
  command
      .add_option(
          "FILE", file,
          "Document, in a form that is told by itself: raw CBOR; base64 (standard or URL-safe, "
          "padded or not); or hex (0x before it, colons between bytes). White space in text is "
          "passed over; - is standard input")
      .required();
}

void add_verify(Command attest, Invocation& invocation) {
  auto options = std::make_shared<VerifyOptions>();
  const Command verify =
      attest.add_subcommand("verify", "Verify a document: root, chain, signature, debug mode, age");
  add_file(verify, options->file);
  verify
      .add_option("--at", options->at,
                  "When certificates must be valid: 'now' (also at most 5 minutes old and 30 "
                  "seconds ahead), 'document' (its own timestamp) or an RFC 3339 time")
      .capture_default_str();
  verify.add_option("--root", options->root,
                    "Trust this root certificate (PEM or DER) instead of AWS's");
  verify.add_option("--nonce", options->nonce, "Require exactly this nonce (hex)");
  verify.add_option("--pcr", options->pcrs, "Require a PCR value, N=HEX; may be repeated")
      .one_value_each();
  verify.add_flag("--allow-debug", options->allow_debug,
                  "Accept documents of enclaves in debug mode (for archives)");
  verify.add_flag("--json", options->json, "Print one JSON object");
  verify.footer(
      "Examples:\n"
      "  concordat attest verify document.cbor --nonce 00112233445566778899aabbccddeeff\n"
      "  concordat attest verify archived.b64 --at document --json\n"
      "  concordat attest verify lab.cbor --root lab_root.pem --pcr 0=<96 hex digits>\n"
      "Exit status: 0 accepted, 2 refused, 1 usage or input/output error.");
  on_chosen(verify, invocation,
            [options, &invocation] { return run_verify(*options, invocation); });
}

void add_show(Command attest, Invocation& invocation) {
  auto file = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  const Command show =
      attest.add_subcommand("show", "Print a document's fields WITHOUT verifying them");
  add_file(show, *file);
  show.add_flag("--json", *json, "Print one JSON object");
  show.footer(
      "Examples:\n"
      "  concordat attest show document.cbor\n"
      "  base64 document.cbor | concordat attest show - --json\n"
      "Exit status: 0 shown, 2 not a document, 1 usage or input/output error.");
  on_chosen(show, invocation,
            [file, json, &invocation] { return run_show(*file, *json, invocation); });
}

}  // namespace

void add_attest_commands(Command app, Invocation& invocation) {
  const Command attest =
      app.add_subcommand("attest", "Verify attestation documents, or look at them");
  attest.require_known_subcommand();
  add_verify(attest, invocation);
  add_show(attest, invocation);
}

}  // namespace concordat::cli
