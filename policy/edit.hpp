// Changes to policy files, text to text: the author's order is kept, the layout is canonical, the
// serial goes up by one, and nothing comes out that parse_policy would refuse. Who is let in and
// what they get is edited in enroll.hpp, revoke.hpp and edit_grants.hpp.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "policy/model.hpp"

namespace concordat::policy {

enum class EditErrc {
  name_taken = 1,
  root_pinned,
  serial_exhausted,
  other_authority,
  already_granted,
  nothing_matches,
  debug_document,
  register_not_set,
};
[[nodiscard]] base::CodeInfo describe(EditErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(EditErrc) {
  return "policy_edit";
}
[[nodiscard]] inline boost::system::error_code make_error_code(EditErrc e) {
  return base::enum_code(e);
}

// Two spaces a level, one entry a line, a line feed at the end. `text` must parse as a policy. The
// serial stays: what the file says is the same.
[[nodiscard]] base::Result<std::string> canonical_policy(std::string_view text);

// Serial 1, nobody admitted yet.
[[nodiscard]] base::Result<std::string> new_policy(const attest::AuthorityDescriptor& authority,
                                                   const std::optional<std::string>& kms_key_arn,
                                                   base::UnixMillis not_before,
                                                   std::chrono::milliseconds validity);

// Pins the generation that genesis made: the first as current, a later one as read only, which may
// take over. root_pinned when it is not the next.
[[nodiscard]] base::Result<std::string> pin_root(std::string_view text, std::uint32_t generation,
                                                 base::BytesView commitment);

// The policy of `authority` under its successor; as it is when it names the successor already.
// other_authority when it names neither.
[[nodiscard]] base::Result<std::string> name_authority(
    std::string_view text, const attest::AuthorityDescriptor& authority,
    const attest::AuthorityDescriptor& successor);

// Valid from `not_before` for as long as given.
[[nodiscard]] base::Result<std::string> renew(std::string_view text, base::UnixMillis not_before,
                                              std::chrono::milliseconds validity);

// Adds the operator, or purposes to one of the same key; name_taken when the name stands for
// another key. Purpose "admin" comes about with its first operator: the custodians answer it.
[[nodiscard]] base::Result<std::string> add_operator(std::string_view text, const std::string& name,
                                                     const Operator& entry);

// What an outer nullopt leaves as it is; an inner one is "none" or "any".
struct Settings {
  std::optional<std::optional<Freshness>> freshness;
  std::optional<std::optional<Recovery>> recovery;
  std::optional<std::string> kms_key_arn;  // of roots to come: pinned ones keep theirs
  // That must have taken over the journal. nothing_matches where it is not pinned.
  std::optional<std::uint32_t> current_root;
  // Is pinned no longer. nothing_matches where it is not, or is the current one.
  std::optional<std::uint32_t> retired_root;
  std::optional<AuditedUses> audited_uses;
  std::optional<std::uint64_t> minimum_protocol_version;
  std::optional<std::uint64_t> document_max_age_seconds;
  std::optional<std::uint64_t> channel_seconds, channel_bytes, channel_records;
  // By role; nothing_matches where there is no such role.
  std::map<std::string, std::optional<std::uint64_t>> maximum_live;
  // Seconds, by key pattern; nullopt takes it out, nothing_matches where it is not there.
  std::map<std::string, std::optional<std::uint64_t>> rotation;
};
[[nodiscard]] base::Result<std::string> change_settings(std::string_view text,
                                                        const Settings& settings);

}  // namespace concordat::policy
