// Who signs: --key names a key file, --token a key on a token. One path for both.
#pragma once

#include "deploy/cli/key_file.hpp"
#include "deploy/cli/token_options.hpp"

namespace concordat::cli {

struct SignerOptions {
  KeyFile key;
  TokenOptions token;
};
// One of --key and --token is needed.
void add_signer_options(Command command, SignerOptions& options,
                        const std::string& what = "Secret key file of a signer (keygen)");

// Opens the file or logs in to the token, and hardens the process before.
[[nodiscard]] base::Result<std::unique_ptr<policy::Signer>> open_signer(
    const SignerOptions& options);
// not_a_signer when the key is none of the authority's.
[[nodiscard]] base::Status require_signer(const attest::AuthorityDescriptor& authority,
                                          const policy::Signer& signer);

}  // namespace concordat::cli
