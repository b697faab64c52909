// concordat keys create | import | rotate
#include <algorithm>
#include <ostream>

#include "attest/base/file.hpp"
#include "deploy/cli/keys_command.hpp"
#include "keyservice/keyring/operation_limits.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using keyservice::AdminBody;
using keyservice::KeyFormat;
using keyservice::KeyType;

std::string all_types() {
  std::string out;
  for (const KeyType type : keyservice::kKeyTypes)
    out += (out.empty() ? "" : ", ") + std::string(to_string(type));
  return out;
}

// Empty, or what is wrong with it.
std::string take_type(KeyType& type, const std::string& text) {
  const auto* const found = std::ranges::find_if(
      keyservice::kKeyTypes, [&](KeyType known) { return to_string(known) == text; });
  if (found == std::end(keyservice::kKeyTypes)) return "want one of " + all_types();
  type = *found;
  return {};
}

Option add_type(Command command, KeyType& type, const std::string& help) {
  return command
      .add_option_function(
          "--type", [&type](const std::string& text) { return take_type(type, text); }, help)
      .type_name("TYPE")
      .required();
}

Option add_exportable(Command command, bool& exportable) {
  return command.add_flag("--exportable", exportable,
                          "Workers that are granted `get` may have its bytes; cannot be changed "
                          "afterwards");
}

struct CreateOptions {
  KeysOptions keys;
  keyservice::CreateKeyRequest key;
};

struct ImportOptions {
  KeysOptions keys;
  std::string name, file, format;
  KeyType type = KeyType::aes256;
  bool exportable = false;
  bool next_version = false;
};

// What people have of such a key.
KeyFormat format_of(const ImportOptions& options) {
  if (options.format == "raw") return KeyFormat::raw;
  if (options.format == "pkcs8") return KeyFormat::pkcs8;
  const bool is_symmetric = options.type == KeyType::aes256 || options.type == KeyType::hmac;
  return is_symmetric ? KeyFormat::raw : KeyFormat::pkcs8;
}

ExitStatus run_import(const ImportOptions& options, const Invocation& invocation) {
  return change_key(
      options.keys, invocation, "import", [&](OperatorChannel& channel) -> Result<AdminBody> {
        keyservice::ImportKeyRequest request{
            options.name, options.type, options.exportable, 0, format_of(options), {}};
        CONCORDAT_TRY(request.material,
                      base::read_secret_file(options.file, keyservice::kMaxPkcs8));
        if (options.next_version) {
          CONCORDAT_TRY(request.newest_version, newest_version(channel, options.name));
        }
        return AdminBody(std::move(request));
      });
}

struct RotateOptions {
  KeysOptions keys;
  std::string name;
  std::optional<std::uint32_t> newest;
  bool implicit = false;
};

ExitStatus run_rotate(const RotateOptions& options, const Invocation& invocation) {
  std::uint32_t newest = options.newest.value_or(0);
  bool is_asked = false;
  const ExitStatus ended = change_key(
      options.keys, invocation, "rotate", [&](OperatorChannel& channel) -> Result<AdminBody> {
        if (!options.newest) {
          CONCORDAT_TRY(newest, newest_version(channel, options.name));
        }
        is_asked = true;
        return AdminBody(keyservice::RotateKeyRequest{options.name, newest, options.implicit});
      });
  if (ended != ExitStatus::done && is_asked) {
    invocation.err << "If it is not certain whether it was done, ask again with --newest " << newest
                   << ": it is done once.\n";
  }
  return ended;
}

}  // namespace

void add_keys_create(Command keys, Invocation& invocation) {
  auto options = std::make_shared<CreateOptions>();
  const Command create =
      keys.add_subcommand("create", "Make a new key in the custodian, which nobody ever sees");
  add_key_name(create, options->key.name);
  add_type(create, options->key.type,
           "derived: worked out from the root, without bytes of its own. At random: ed25519, p256, "
           "p384 (signatures), x25519 (agreement), aes256 (encryption, wrapping), hmac");
  add_exportable(create, options->key.exportable);
  add_keys_options(create, invocation, options->keys);
  add_keys_footer(create, "",
                  "  concordat keys create payments/card --type aes256\n"
                  "  concordat keys create payments/signing --type p256 --json\n");
  on_chosen(create, invocation, [options, &invocation] {
    return change_key(options->keys, invocation, "create",
                      [&](OperatorChannel&) { return Result<AdminBody>(options->key); });
  });
}

void add_keys_import(Command keys, Invocation& invocation) {
  auto options = std::make_shared<ImportOptions>();
  const Command import =
      keys.add_subcommand("import", "Bring a key of yours, encrypted from here into the custodian");
  add_key_name(import, options->name);
  add_type(import, options->type, "As of `create`, but derived");
  import
      .add_option("--from", options->file,
                  "File with the key: its bytes, or unencrypted PKCS#8 in DER; - is standard input")
      .type_name("FILE")
      .required();
  import
      .add_option("--format", options->format,
                  "raw or pkcs8; by itself raw for aes256 and hmac, pkcs8 for all others")
      .check([](const std::string& text) {
        return text == "raw" || text == "pkcs8" ? "" : "want raw or pkcs8";
})
      .type_name("FORMAT");
const Option exportable = add_exportable(import, options->exportable);
import
    .add_flag("--next-version", options->next_version, "As the next version of a key that there is")
    .excludes(exportable);
add_keys_options(import, invocation, options->keys);
add_keys_footer(import,
                "Nothing between this program and the enclave sees the key; the file is yours to "
                "destroy.\nA key in PEM becomes DER by `openssl pkcs8 -topk8 -nocrypt -outform "
                "DER`.\n",
                "  concordat keys import payments/terminal --type aes256 --from terminal.bin\n"
                "  openssl pkcs8 -topk8 -nocrypt -outform DER -in signing.pem | \\\n"
                "      concordat keys import payments/signing --type p256 --from -\n");
on_chosen(import, invocation, [options, &invocation] { return run_import(*options, invocation); });
}  // namespace concordat::cli

void add_keys_rotate(Command keys, Invocation& invocation) {
  auto options = std::make_shared<RotateOptions>();
  const Command rotate = keys.add_subcommand(
      "rotate", "Give a key a new version; older ones are still read, down to the minimum");
  add_key_name(rotate, options->name);
  rotate
      .add_option(
          "--newest", options->newest,
          "Only where this is the newest version: a command that is repeated so rotates once. "
          "Otherwise the custodian is asked which one is")
      .type_name("VERSION");
  add_implicit(rotate, options->implicit);
  add_keys_options(rotate, invocation, options->keys);
  add_keys_footer(rotate,
                  "Of an imported key import the next version. The policy's /rotation rotates by "
                  "itself.\n",
                  "  concordat keys rotate payments/card\n"
                  "  concordat keys rotate payments/card --newest 3 --json\n");
  on_chosen(rotate, invocation,
            [options, &invocation] { return run_rotate(*options, invocation); });
}

}  // namespace concordat::cli
