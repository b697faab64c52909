#include "deploy/cli/authority_files.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "policy/authority_succession.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {

using attest::AuthorityDescriptor;
using attest::AuthorityDigest;

void add_authority_file(Command command, std::string& path) {
  command.add_option("--authority", path, "Authority descriptor")
      .type_name("FILE")
      .capture_default_str();
}

base::Result<AuthorityDescriptor> read_authority_file(const std::string& path) {
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, attest::kMaxDescriptorSize));
  auto authority = AuthorityDescriptor::parse(content);
  if (!authority) {
    return base::Error(authority.error().code(), path + ": " + authority.error().detail());
  }
  return authority;
}

base::Result<AuthorityDescriptor> read_succession(const std::string& path,
                                                  const AuthorityDescriptor& authority) {
  CONCORDAT_TRY(const base::Bytes content, base::read_file(path, policy::limits::kEnvelopeBytes));
  return policy::verify_succession(content, authority);
}

nlohmann::ordered_json to_json(const AuthorityDescriptor& authority) {
  nlohmann::ordered_json signers = nlohmann::ordered_json::array();
  for (const policy::SignerKey& key : authority.signers())
    signers.push_back({{"key_id", policy::key_id(key)}, {"public_key", key.hex()}});
  return {{"realm", authority.realm()},
          {"epoch", authority.epoch()},
          {"threshold", authority.threshold()},
          {"signers", signers},
          {"authority_digest", authority.digest().hex()},
          {"pcr16", authority.pcr16().hex()}};
}

std::string to_text(const AuthorityDescriptor& authority) {
  std::string out = "realm     " + authority.realm() + "\nepoch     " +
                    std::to_string(authority.epoch()) + "\nthreshold " +
                    std::to_string(authority.threshold()) + " of " +
                    std::to_string(authority.signers().size()) + " signers\n";
  for (const policy::SignerKey& key : authority.signers())
    out += "signer    " + policy::key_id(key) + "\n";
  return out + "authority " + authority.digest().hex() + "\nPCR16     " + authority.pcr16().hex() +
         "\n";
}

nlohmann::ordered_json redo_json(const AuthorityDigest& authority,
                                 const AuthorityDigest& successor) {
  nlohmann::ordered_json redo = nlohmann::ordered_json::array();
  for (const policy::RedoStep& step : policy::redo_after_change(authority, successor))
    redo.push_back({{"step", step.name}, {"text", step.text}});
  return redo;
}

std::string redo_text(const AuthorityDigest& authority, const AuthorityDigest& successor) {
  if (authority == successor) return {};
  std::string out = "What must be done again, in this order:\n";
  int number = 0;
  for (const policy::RedoStep& step : policy::redo_after_change(authority, successor))
    out += "  " + std::to_string(++number) + ". " + step.text + "\n";
  return out;
}

nlohmann::ordered_json change_json(const AuthorityDescriptor& authority,
                                   const AuthorityDescriptor& successor) {
  return {{"successor", to_json(successor)},
          {"changes", policy::describe_change(authority, successor)},
          {"redo", redo_json(authority.digest(), successor.digest())}};
}

std::string change_text(const AuthorityDescriptor& authority,
                        const AuthorityDescriptor& successor) {
  std::string out = to_text(successor) + "What changes:\n";
  for (const std::string& line : policy::describe_change(authority, successor))
    out += "  - " + line + "\n";
  return out + redo_text(authority.digest(), successor.digest());
}

}  // namespace concordat::cli
