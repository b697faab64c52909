// concordat recovery key
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/recovery_command.hpp"

namespace concordat::cli {
namespace {

using base::Result;
using base::SecretBytes;

struct Options {
  std::string out;
  std::optional<int> passphrase_fd;
  bool json = false;
};

struct Made {
  base::hpke::PublicKey public_key;
  bool sealed = false;
};

Result<Made> make_key(const Options& options) {
  CONCORDAT_CHECK(base::harden_process());
  CONCORDAT_CHECK(must_be_new(options.out, kKeysStay));
  CONCORDAT_TRY(const auto passphrase, choose_passphrase(options.passphrase_fd));
  const auto key = base::hpke::PrivateKey::generate();
  CONCORDAT_TRY(const SecretBytes file,
                policy::encode_holder_key(key, passphrase ? &*passphrase : nullptr));
  CONCORDAT_CHECK(base::write_file(options.out, file.expose(base::SecretAccess{}), 0600));
  return Made{key.public_key(), passphrase.has_value()};
}

ExitStatus run_key(const Options& options, const Invocation& invocation) {
  const auto made = make_key(options);
  if (!made) return answer_failure(invocation, options.json, "recovery key", made.error());
  if (!made->sealed) {
    invocation.err << invocation.program << ": " << options.out
                   << " is not sealed by a passphrase: whoever reads it has the holder's shares\n";
  }
  const std::string key = made->public_key.hex();
  return answer(invocation, options.json,
                {{"public_key", key}, {"secret_file", options.out}, {"sealed", made->sealed}},
                "public " + key + "\nsecret " + options.out +
                    "\nfor the policy: concordat policy set --recovery-holder NAME=" + key + "\n");
}

}  // namespace

void add_recovery_key(Command recovery, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command key =
      recovery.add_subcommand("key", "Make a recovery holder's key, to which shares are sealed");
  key.add_option("--out", options->out, "Secret key file, for its owner alone")
      .type_name("FILE")
      .required();
  key.add_option("--passphrase-fd", options->passphrase_fd,
                 "Seal the key by the passphrase read from this file descriptor")
      .type_name("N");
  key.add_flag("--json", options->json, "Print one JSON object");
  key.footer(
      "Keep the file offline: with the set of shares, which is no secret, it is the holder's "
      "share.\n"
      "Examples:\n"
      "  concordat recovery key --out erin.recovery.key\n"
      "  concordat recovery key --out erin.recovery.key --passphrase-fd 3 3< passphrase.txt\n"
      "Exit status: 0 made, 2 refused, 1 usage or input/output error.");
  on_chosen(key, invocation, [options, &invocation] { return run_key(*options, invocation); });
}

}  // namespace concordat::cli
