// What the `session` commands share: their files, and how they show a descriptor.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "deploy/cli/commands.hpp"
#include "policy/dsse.hpp"
#include "session/descriptor.hpp"

namespace concordat::cli {

inline constexpr const char* kSessionFile = "session.json";
inline constexpr const char* kSignedSessionFile = "session.signed.json";

// --authority, once for each.
void add_authorities(Command command, std::vector<std::string>& paths);
[[nodiscard]] base::Result<std::vector<attest::AuthorityDescriptor>> read_authorities(
    const std::vector<std::string>& paths);

// A descriptor, or a signed one; nothing of it is verified.
struct SessionFile {
  policy::Envelope envelope;  // without signatures where the file is none
  session::UnverifiedDescriptor descriptor;
};
// descriptor_malformed with the place, or of reading.
[[nodiscard]] base::Result<SessionFile> read_session_file(const std::string& path);

// The index of the party of that name or index; no_such_party.
[[nodiscard]] base::Result<session::PartyIndex> party_named(const session::DescriptorFields& fields,
                                                            const std::string& text);

[[nodiscard]] nlohmann::ordered_json to_json(const session::DescriptorFields& fields,
                                             const session::DescriptorDigest& digest);
[[nodiscard]] std::string to_text(const session::DescriptorFields& fields,
                                  const session::DescriptorDigest& digest);

// One function a command.
void add_session_init(Command session, Invocation& invocation);
void add_session_sign(Command session, Invocation& invocation);
void add_session_check(Command session, Invocation& invocation);
void add_session_run(Command session, Invocation& invocation);
void add_session_settle(Command session, Invocation& invocation);
void add_session_show(Command session, Invocation& invocation);
void add_session_verify_receipt(Command session, Invocation& invocation);
void add_session_verify_evidence(Command session, Invocation& invocation);

}  // namespace concordat::cli
