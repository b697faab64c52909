// What the `authority` commands share: their files, and what they say about a change.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "attest/authority.hpp"
#include "deploy/cli/commands.hpp"

namespace concordat::cli {

inline constexpr const char* kAuthorityFile = "authority.cbor";
inline constexpr const char* kSuccessorFile = "authority.next.cbor";
inline constexpr const char* kSuccessionFile = "authority.succession.json";

void add_authority_file(Command command, std::string& path);
[[nodiscard]] base::Result<attest::AuthorityDescriptor> read_authority_file(
    const std::string& path);
// The successor in the envelope at `path`, verified under `authority`.
[[nodiscard]] base::Result<attest::AuthorityDescriptor> read_succession(
    const std::string& path, const attest::AuthorityDescriptor& authority);

[[nodiscard]] nlohmann::ordered_json to_json(const attest::AuthorityDescriptor& authority);
[[nodiscard]] std::string to_text(const attest::AuthorityDescriptor& authority);
// What must be done again after a change from one authority to another; empty when there is none.
[[nodiscard]] nlohmann::ordered_json redo_json(const attest::AuthorityDigest& authority,
                                               const attest::AuthorityDigest& successor);
[[nodiscard]] std::string redo_text(const attest::AuthorityDigest& authority,
                                    const attest::AuthorityDigest& successor);
// The successor, how it differs, and what must be done again.
[[nodiscard]] nlohmann::ordered_json change_json(const attest::AuthorityDescriptor& authority,
                                                 const attest::AuthorityDescriptor& successor);
[[nodiscard]] std::string change_text(const attest::AuthorityDescriptor& authority,
                                      const attest::AuthorityDescriptor& successor);

// One function a command.
void add_authority_show(Command authority, Invocation& invocation);
void add_authority_change(Command authority, Invocation& invocation);
void add_authority_sign(Command authority, Invocation& invocation);
void add_authority_verify(Command authority, Invocation& invocation);
void add_authority_adopt(Command authority, Invocation& invocation);

}  // namespace concordat::cli
