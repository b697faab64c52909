// What a policy changes against an older one, for whom. By meaning: order, layout and another
// spelling of the same value are no change; every other difference of two Models is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/model.hpp"

namespace concordat::policy {

// What the fields of a Change hold, by kind; those not named are empty. "Limits" are the words for
// a grant's use limit and expiry ("at most 5 uses, until ..").
enum class ChangeKind : std::uint8_t {
  setting,                // subject: of the policy as a whole; before, after
  root_added,             // subject: generation; after: its state and commitment
  root_removed,           // subject: generation; before
  root_changed,           // subject: generation; before, after
  image_defined,          // subject: an image that no role lists
  image_undefined,        // the same
  image_changed,          // subject: image; object: register; before, after; items: its roles
  role_added,             // subject: role
  role_removed,           // subject: role
  role_image_gained,      // subject: role; object: image
  role_image_lost,        // subject: role; object: image
  role_image_renamed,     // subject: role; before, after: image names of the same measurements
  role_account_gained,    // subject: role; object: account
  role_account_lost,      // subject: role; object: account
  role_accounts_opened,   // subject: role; items: the accounts that were listed
  role_accounts_listed,   // subject: role; items: the only ones now, instead of any
  role_instance_gained,   // as for accounts
  role_instance_lost,     //
  role_instances_opened,  //
  role_instances_listed,  //
  role_maximum_changed,   // subject: role; before, after
  purpose_added,          // subject: purpose
  purpose_removed,        // subject: purpose
  purpose_role_gained,    // subject: role; object: purpose; after: side
  purpose_role_lost,      // subject: role; object: purpose; before: side
  grant_gained,           // subject: role; object: keys; items: operations; after: limits;
                          // before: keys by which it had them all the same
  grant_lost,             // the other way round
  grant_limits_changed,   // subject: role; object: keys; items: operations; before, after: limits
  rotation_added,         // subject: key pattern; after: seconds
  rotation_removed,       // subject: key pattern; before
  rotation_changed,       // subject: key pattern; before, after
  operator_added,         // subject: operator; after: key
  operator_removed,       // subject: operator; before: key
  operator_key_changed,   // subject: operator; before, after
  operator_gained,        // subject: operator; items: purposes
  operator_lost,          // subject: operator; items: purposes
  holder_added,           // subject: recovery holder; after: key
  holder_removed,         // subject: recovery holder; before: key
  holder_key_changed,     // subject: recovery holder; before, after
  session_added,          // subject: rule
  session_removed,        // subject: rule
  session_gained,         // subject: rule; object: what; after
  session_lost,           // subject: rule; object: what; before
  session_changed,        // subject: rule; object: what; before, after
};
// The enumerator's name: part of the commands' JSON.
[[nodiscard]] std::string_view to_string(ChangeKind kind) noexcept;

// Whether somebody may do more than before, or less; `other` where it is neither or both.
enum class Effect : std::uint8_t { more, less, other };
[[nodiscard]] std::string_view to_string(Effect effect) noexcept;

struct Change {
  ChangeKind kind{};
  Effect effect = Effect::other;
  // Initialised here, so that those who make one name what they fill and no more.
  std::string subject = {};
  std::string object = {};
  std::vector<std::string> items = {};
  std::string before = {};
  std::string after = {};
};

// In the file's order of sections, and by name in each.
[[nodiscard]] std::vector<Change> diff(const Model& before, const Model& after);

// One line in words: "- role payments loses sign on keys/eu/*".
[[nodiscard]] std::string to_text(const Change& change);

}  // namespace concordat::policy
