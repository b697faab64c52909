// concordat-lab-kms: the local KMS.
#include <charconv>
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "deploy/command_line/command_line.hpp"
#include "deploy/lab/kms_server.hpp"
#include "deploy/lab/kms_state.hpp"
#include "deploy/lab/recipient_check.hpp"
#include "deploy/lab/tls_identity.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::Result;
using base::Status;
using command_line::Command;

constexpr const char* kProgram = "concordat-lab-kms";
constexpr std::size_t kMaxFile = 64 * 1024;

struct Options {
  std::string state;
  std::string region = "us-east-1";
  std::string account = "111122223333";
  // serve
  std::string https = "tcp:127.0.0.1:8443";
  std::string http;
  std::string attestation_root;
  std::vector<std::string> names;
  std::string fault;
  // create-key
  std::string policy;
  std::string description;
};

void print(const nlohmann::ordered_json& line) {
  std::cout << line.dump() << std::endl;
}

struct FaultPlan {
  Fault fault = Fault::none;
  unsigned count = ~0u;
};

// NAME or NAME:COUNT.
std::optional<FaultPlan> parse_fault_plan(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto fault = parse_fault(std::string_view(text).substr(0, colon));
  if (!fault) return std::nullopt;
  FaultPlan out{*fault};
  if (colon == std::string::npos) return out;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data() + colon + 1, end, out.count);
  return error == std::errc() && at == end ? std::optional(out) : std::nullopt;
}

std::string check_fault(const std::string& text) {
  return parse_fault_plan(text) ? "" : "'" + text + "' is not one of the faults below";
}

Result<attest::TrustAnchors> anchors(const Options& options) {
  if (options.attestation_root.empty()) return attest::TrustAnchors::aws();
  CONCORDAT_TRY(const base::Bytes root, base::read_file(options.attestation_root, kMaxFile));
  return attest::trust_anchors_from_root(root);
}

Result<KmsListeners> listeners(const Options& options) {
  KmsListeners out;
  if (!options.https.empty()) {
    CONCORDAT_TRY(out.https, peer::parse_endpoint(options.https));
  }
  if (!options.http.empty()) {
    CONCORDAT_TRY(out.http, peer::parse_endpoint(options.http));
  }
  return out;
}

std::string text_of(const std::optional<peer::Endpoint>& endpoint) {
  return endpoint ? peer::to_string(*endpoint) : "";
}

Status serve(const Options& options) {
  const base::UnixMillis now = base::system_wall_clock();
  const std::filesystem::path directory = options.state;
  CONCORDAT_TRY(KmsState state, open_kms_state(directory, options.account, now));
  KmsSettings settings;
  settings.region = options.region;
  settings.account = options.account;
  settings.principals = std::move(state.principals);
  CONCORDAT_TRY(attest::TrustAnchors roots, anchors(options));
  settings.verify_recipient = verify_recipient_under(std::move(roots));
  if (const auto plan = parse_fault_plan(options.fault)) {
    settings.fault = plan->fault;
    settings.fault_count = plan->count;
  }

  std::vector<std::string> names = options.names;
  names.insert(names.end(), {"kms." + options.region + ".amazonaws.com", "localhost", "127.0.0.1"});
  CONCORDAT_TRY(const TlsIdentity identity, open_tls_identity(directory / "tls", names, now));
  CONCORDAT_CHECK(
      base::write_file(directory / "tls-ca.pem", base::as_bytes(identity.authority_pem)));

  base::Logger log(kProgram);
  KmsCore core(std::move(settings), state.keys, log);
  CONCORDAT_TRY(const KmsListeners where, listeners(options));
  CONCORDAT_TRY(
      const auto server,
      KmsServer::open(where, identity.server, [&](const keyservice::HttpRequest& request) {
        return core.handle(request, base::system_wall_clock());
      }));
  print(
      {{"event", "ready"}, {"https", text_of(server->https())}, {"http", text_of(server->http())}});
  server->run();
  return {};
}

Status create_key(const Options& options) {
  const base::UnixMillis now = base::system_wall_clock();
  CONCORDAT_TRY(KmsState state, open_kms_state(options.state, options.account, now));
  std::string text = KeyPolicy::default_text(options.account);
  if (!options.policy.empty()) {
    CONCORDAT_TRY(const base::Bytes file, base::read_file(options.policy, kMaxFile));
    text = base::as_text(file);
  }
  CONCORDAT_TRY(KeyPolicy policy, KeyPolicy::parse(text));
  CONCORDAT_TRY(const LabKey* key,
                state.keys.create(options.description, text, std::move(policy), now));
  print({{"KeyId", key->id},
         {"Arn", "arn:aws:kms:" + options.region + ":" + options.account + ":key/" + key->id}});
  return {};
}

void add_serve(Command app, Options& options) {
  const Command serve = app.add_subcommand("serve", "Answer KMS requests until SIGTERM or SIGINT");
  serve
      .add_option("--https", options.https,
                  "Endpoint for HTTPS, tcp:HOST:PORT or unix:PATH; empty: none")
      .capture_default_str();
  serve.add_option("--http", options.http,
                   "Endpoint for plain HTTP, loopback or unix:PATH only; default none");
  serve.add_option("--attestation-root", options.attestation_root,
                   "Root certificate (PEM or DER) that attestation documents must chain to; "
                   "default: AWS's roots");
  serve.add_option("--name", options.names,
                   "A further name in the TLS certificate, besides kms.REGION.amazonaws.com, "
                   "localhost and 127.0.0.1");
  serve
      .add_option("--fault", options.fault,
                  "Spoil answers to requests with Recipient, all or the first COUNT: "
                  "throttle|plaintext|wrong-key-id|garbage|other-plaintext[:COUNT]")
      .check(check_fault);
  serve.footer(
      "When it listens it prints one line {\"event\":\"ready\",\"https\":...,\"http\":...}.\n"
      "Each request is logged to standard error as one JSON line.\n"
      "Example: concordat-lab-kms --state /tmp/kms serve --http tcp:127.0.0.1:4566 "
      "--attestation-root lab-root.pem");
}

void add_create_key(Command app, Options& options) {
  const Command create =
      app.add_subcommand("create-key", "Make a key while the server is stopped, print its ARN");
  create.add_option("--policy", options.policy,
                    "Key policy, JSON; default: the account may do everything");
  create.add_option("--description", options.description, "Free text");
  create.footer("Example: concordat-lab-kms --state /tmp/kms create-key --policy custodian.json");
}

int run(int argc, char** argv) {
  Options options;
  const command_line::Program program(
      "A local AWS KMS: verifies attestation documents and evaluates key policies.", kProgram);
  const Command app = program.command();
  app.require_subcommand();
  app.add_option("--state", options.state, "State directory, made with mode 0700").required();
  app.add_option("--region", options.region, "AWS region it plays").capture_default_str();
  app.add_option("--account", options.account, "AWS account it plays").capture_default_str();
  add_serve(app, options);
  add_create_key(app, options);
  app.footer(
      "STATE/credentials/admin.json and instance.json hold the access keys of a user and of an\n"
      "instance's role; STATE/tls-ca.pem is what clients trust.\n"
      "Exit status: 0 done, 1 usage or input/output error.");
  if (const auto ended = program.parse(argc, argv, std::cout, std::cerr)) return *ended;
  const Status done = app.got_subcommand("serve") ? serve(options) : create_key(options);
  if (done) return 0;
  std::cerr << kProgram << ": " << done.error().to_string() << "\n";
  return 1;
}

}  // namespace
}  // namespace concordat::lab

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  if (const auto hardened = concordat::base::harden_process(); !hardened) {
    std::cerr << "concordat-lab-kms: " << hardened.error().to_string() << "\n";
    return 1;
  }
  try {
    return concordat::lab::run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "concordat-lab-kms: " << error.what() << "\n";
    return 1;
  }
}
