// concordat keygen
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/key_file.hpp"
#include "policy/signer_key.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Result;
using base::SecretBytes;

struct Options {
  std::string out;
  std::optional<int> passphrase_fd;
  bool json = false;
};

struct Made {
  policy::SignerKey public_key;
  bool sealed = false;
};

Result<Made> make_key(const Options& options) {
  const std::string public_file = options.out + ".pub";
  CONCORDAT_CHECK(base::harden_process());
  CONCORDAT_CHECK(must_be_new(options.out, kKeysStay));
  CONCORDAT_CHECK(must_be_new(public_file, kKeysStay));
  CONCORDAT_TRY(const auto passphrase, choose_passphrase(options.passphrase_fd));
  const auto key = policy::SigningKey::generate();
  CONCORDAT_TRY(const SecretBytes file, key.encode(passphrase ? &*passphrase : nullptr));
  CONCORDAT_CHECK(base::write_file(options.out, file.expose(base::SecretAccess{}), 0600));
  CONCORDAT_CHECK(write_public_key_file(public_file, key.public_key()));
  return Made{key.public_key(), passphrase.has_value()};
}

ExitStatus run_keygen(const Options& options, const Invocation& invocation) {
  const auto made = make_key(options);
  if (!made) return answer_failure(invocation, options.json, "keygen", made.error());
  if (!made->sealed) {
    invocation.err << invocation.program << ": " << options.out
                   << " is not sealed by a passphrase: whoever reads it can sign\n";
  }
  const std::string id = policy::key_id(made->public_key);
  return answer(invocation, options.json,
                {{"key_id", id},
                 {"secret_file", options.out},
                 {"public_file", options.out + ".pub"},
                 {"sealed", made->sealed}},
                "key " + id + "\nsecret " + options.out + "\npublic " + options.out + ".pub\n");
}

}  // namespace

void add_keygen_command(Command app, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command keygen = app.add_subcommand("keygen", "Make a key for signing policies (Ed25519)");
  keygen
      .add_option("--out", options->out,
                  "Secret key file, for its owner alone; the public key goes to FILE.pub")
      .type_name("FILE")
      .required();
  keygen
      .add_option("--passphrase-fd", options->passphrase_fd,
                  "Seal the key by the passphrase read from this file descriptor")
      .type_name("N");
  keygen.add_flag("--json", options->json, "Print one JSON object");
  keygen.footer(
      "Asks for a passphrase only where standard input is a terminal; existing files are kept.\n"
      "Examples:\n"
      "  concordat keygen --out alice.key\n"
      "  concordat keygen --out alice.key --passphrase-fd 3 3< passphrase.txt\n"
      "Exit status: 0 made, 2 refused, 1 usage or input/output error.");
  on_chosen(keygen, invocation,
            [options, &invocation] { return run_keygen(*options, invocation); });
}

}  // namespace concordat::cli
