// concordat token list | public-key
#include <nlohmann/json.hpp>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/key_file.hpp"
#include "deploy/cli/token_options.hpp"
#include "policy/finding.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using policy::quote;

struct ListOptions {
  std::string module;
  bool json = false;
};

struct ExportOptions {
  TokenOptions token;
  std::string out;
  bool json = false;
};

nlohmann::ordered_json to_json(const token::KeyOnToken& key) {
  return {{"label", key.label},
          {"id", base::to_hex(key.id)},
          {"key_id", policy::key_id(key.public_key)},
          {"public_key", key.public_key.hex()},
          {"uri", key.uri.to_string()}};
}

nlohmann::ordered_json to_json(const token::TokenDescription& token) {
  nlohmann::ordered_json keys = nlohmann::ordered_json::array();
  for (const token::KeyOnToken& key : token.keys)
    keys.push_back(to_json(key));
  return {{"label", token.label},   {"manufacturer", token.manufacturer},
          {"model", token.model},   {"serial", token.serial},
          {"ed25519", token.signs}, {"keys", keys}};
}

std::string to_text(const token::TokenDescription& token) {
  std::string out = "token " + quote(token.label) + "\n  model  " + quote(token.model) + " by " +
                    quote(token.manufacturer) + "\n  serial " + quote(token.serial) + "\n" +
                    (token.signs ? "" : "  does not sign with Ed25519 (CKM_EDDSA)\n");
  for (const token::KeyOnToken& key : token.keys) {
    out += "  key    " + policy::key_id(key.public_key) + "\n         --token '" +
           key.uri.to_string() + "'\n";
  }
  return out + (token.keys.empty() ? "  shows no Ed25519 key\n" : "");
}

ExitStatus run_list(const ListOptions& options, const Invocation& invocation) {
  const auto tokens = token::list_tokens(options.module);
  if (!tokens) return answer_failure(invocation, options.json, "token list", tokens.error());
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  std::string text;
  for (const token::TokenDescription& token : *tokens) {
    list.push_back(to_json(token));
    text += to_text(token);
  }
  if (tokens->empty()) text = "the module sees no token\n";
  return answer(invocation, options.json, {{"tokens", list}}, text);
}

Result<policy::SignerKey> export_public_key(const ExportOptions& options) {
  CONCORDAT_CHECK(base::harden_process());
  CONCORDAT_CHECK(must_be_new(options.out, kKeysStay));
  CONCORDAT_TRY(const TokenChoice choice, choose_token(options.token));
  const token::AskPin ask = pin_source(options.token);
  CONCORDAT_TRY(
      const policy::SignerKey key,
      token::read_public_key(choice.module, choice.uri, options.token.pin_fd ? &ask : nullptr));
  CONCORDAT_CHECK(write_public_key_file(options.out, key));
  return key;
}

ExitStatus run_export(const ExportOptions& options, const Invocation& invocation) {
  const auto key = export_public_key(options);
  if (!key) return answer_failure(invocation, options.json, "token public-key", key.error());
  const std::string id = policy::key_id(*key);
  return answer(invocation, options.json, {{"key_id", id}, {"public_file", options.out}},
                "key " + id + "\npublic " + options.out + "\n");
}

void add_list(Command token, Invocation& invocation) {
  auto options = std::make_shared<ListOptions>();
  const Command list =
      token.add_subcommand("list", "Show the tokens that a module sees, and their keys");
  add_module(list, options->module);
  list.get_option("--module").required();
  list.add_flag("--json", options->json, "Print one JSON object");
  list.footer(
      "Keys are Ed25519 keys whose public half the token shows without a PIN; each comes with the\n"
      "--token that names it.\n"
      "Example:\n"
      "  concordat token list --module /usr/lib/softhsm/libsofthsm2.so\n"
      "Exit status: 0 shown, 2 refused, 1 usage or input/output error.");
  on_chosen(list, invocation, [options, &invocation] { return run_list(*options, invocation); });
}

void add_public_key(Command token, Invocation& invocation) {
  auto options = std::make_shared<ExportOptions>();
  const Command command = token.add_subcommand(
      "public-key", "Write the public key of a key on a token, as keygen writes FILE.pub");
  command.add_option("--token", options->token.uri, kTokenHelp)
      .type_name("URI")
      .check(check_token_uri)
      .required();
  add_token_access(command, options->token);
  command.add_option("--out", options->out, "Public key file, for `policy init --signer`")
      .type_name("FILE")
      .required();
  command.add_flag("--json", options->json, "Print one JSON object");
  command.footer(
      "Logs in only where --pin-fd is given, for tokens that hide public keys; existing files are\n"
      "kept.\n"
      "Example:\n"
      "  concordat token public-key --module /usr/lib/softhsm/libsofthsm2.so \\\n"
      "      --token 'pkcs11:token=ops;object=alice' --out alice.key.pub\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(command, invocation,
            [options, &invocation] { return run_export(*options, invocation); });
}

}  // namespace

void add_token_commands(Command app, Invocation& invocation) {
  const Command token = app.add_subcommand("token", "Use signers' keys on PKCS#11 tokens");
  token.require_known_subcommand();
  add_list(token, invocation);
  add_public_key(token, invocation);
}

}  // namespace concordat::cli
