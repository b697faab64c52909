// Signers' keys on tokens, through PKCS#11: what is there, public keys, signatures.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "attest/base/secret.hpp"
#include "deploy/token/uri.hpp"
#include "policy/signer.hpp"

namespace concordat::token {

struct KeyOnToken {
  std::string label;
  base::Bytes id;
  policy::SignerKey public_key;
  Uri uri;  // names this key and no other of the module
};

struct TokenDescription {
  std::string label;
  std::string manufacturer;
  std::string model;
  std::string serial;
  bool signs = false;  // by CKM_EDDSA
  // Ed25519 public keys that the token shows without a PIN.
  std::vector<KeyOnToken> keys;
};

// The initialised tokens that the module sees now. Tokens and keys in the order of their labels.
[[nodiscard]] base::Result<std::vector<TokenDescription>> list_tokens(const std::string& module);

struct PinRequest {
  std::string token;      // label
  bool last_try = false;  // after a wrong PIN the token locks
};
// Asked at most once, and only where the token wants a PIN from this program.
using AskPin = std::function<base::Result<base::SecretBytes>(const PinRequest&)>;

// The public key that `uri` names. Logs in first where `ask` is given, for tokens that hide it.
[[nodiscard]] base::Result<policy::SignerKey> read_public_key(const std::string& module,
                                                              const Uri& uri, const AskPin* ask);

// Logged in; the private key and its public key were found. What it signs is not verified here: see
// policy::add_signature.
[[nodiscard]] base::Result<std::unique_ptr<policy::Signer>> open_signer(const std::string& module,
                                                                        const Uri& uri,
                                                                        const AskPin& ask);

}  // namespace concordat::token
