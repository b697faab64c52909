#include "deploy/cli/signer_options.hpp"

#include <algorithm>

#include "policy/errc.hpp"

namespace concordat::cli {

void add_signer_options(Command command, SignerOptions& options, const std::string& what) {
  const Command signer = command.add_option_group("Signer", "One of these is needed");
  signer.add_option("--key", options.key.path, what).type_name("FILE");
  signer.add_option("--token", options.token.uri, kTokenHelp)
      .type_name("URI")
      .check(check_token_uri);
  signer.require_option(1);
  command
      .add_option("--passphrase-fd", options.key.passphrase_fd,
                  "Read the key file's passphrase from this file descriptor")
      .type_name("N");
  add_token_access(command, options.token);
}

base::Result<std::unique_ptr<policy::Signer>> open_signer(const SignerOptions& options) {
  CONCORDAT_CHECK(base::harden_process());
  if (options.key.path.empty()) {
    CONCORDAT_TRY(const TokenChoice choice, choose_token(options.token));
    return token::open_signer(choice.module, choice.uri, pin_source(options.token));
  }
  CONCORDAT_TRY(policy::SigningKey key, open_key(options.key));
  return std::unique_ptr<policy::Signer>(new policy::SigningKey(std::move(key)));
}

base::Status require_signer(const attest::AuthorityDescriptor& authority,
                            const policy::Signer& signer) {
  if (std::ranges::find(authority.signers(), signer.public_key()) != authority.signers().end()) {
    return {};
  }
  return base::Error(policy::SignatureErrc::not_a_signer,
                     "key " + policy::key_id(signer.public_key()));
}

}  // namespace concordat::cli
