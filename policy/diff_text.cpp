#include "policy/diff.hpp"
#include "policy/finding.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {
namespace {

std::string between(const std::string& before, const std::string& after) {
  return before + " -> " + after;
}

// " (at most 5 uses)", or nothing.
std::string bracketed(const std::string& words) {
  return words.empty() ? std::string() : " (" + words + ")";
}

std::string limited(const std::string& limits) {
  return limits.empty() ? "without limit" : limits;
}

// "ask for keys", "answer keys".
std::string side_words(const std::string& side, const std::string& purpose) {
  return (side == "initiator" ? "ask for " : "answer ") + purpose;
}

// The realm is the one text of a policy that may hold any character.
std::string setting_words(const Change& c) {
  if (c.subject == "realm") return between("realm " + quote(c.before), quote(c.after));
  return c.subject + " " + between(c.before, c.after);
}

std::string pins_opened(const char* what, const Change& c) {
  return std::string("any ") + what + " accepted for role " + c.subject +
         " (was: " + joined(c.items) + ")";
}
std::string pins_listed(const char* what, const Change& c) {
  return std::string("only these ") + what + "s accepted for role " + c.subject +
         " (was: any): " + joined(c.items);
}

std::string role_words(const Change& c) {
  const std::string role = "role " + c.subject;
  switch (c.kind) {
    case ChangeKind::role_added:
      return role + " is new";
    case ChangeKind::role_removed:
      return role + " is gone";
    case ChangeKind::role_image_gained:
      return "image " + c.object + " accepted for " + role +
             (c.effect == Effect::other ? ", as its measurements were before" : "");
    case ChangeKind::role_image_lost:
      return "image " + c.object + " no longer accepted for " + role;
    case ChangeKind::role_image_renamed:
      return role + " lists image " + c.after + " in place of " + c.before +
             ", with the same measurements" +
             (c.effect == Effect::more ? " and another signer or any" : "");
    case ChangeKind::role_account_gained:
      return "account " + c.object + " accepted for " + role;
    case ChangeKind::role_account_lost:
      return "account " + c.object + " no longer accepted for " + role;
    case ChangeKind::role_accounts_opened:
      return pins_opened("account", c);
    case ChangeKind::role_accounts_listed:
      return pins_listed("account", c);
    case ChangeKind::role_instance_gained:
      return "instance " + c.object + " accepted for " + role;
    case ChangeKind::role_instance_lost:
      return "instance " + c.object + " no longer accepted for " + role;
    case ChangeKind::role_instances_opened:
      return pins_opened("instance", c);
    case ChangeKind::role_instances_listed:
      return pins_listed("instance", c);
    case ChangeKind::role_maximum_changed:
      return role + ": live enclaves at most " + between(c.before, c.after);
    case ChangeKind::purpose_role_gained:
      return role + " may " + side_words(c.after, c.object);
    case ChangeKind::purpose_role_lost:
      return role + " may no longer " + side_words(c.before, c.object);
    case ChangeKind::grant_gained:
      return role + " gains " + joined(c.items) + " on " + c.object + bracketed(c.after) +
             (c.before.empty() ? "" : ", which it had by " + c.before);
    case ChangeKind::grant_lost:
      return role + " loses " + joined(c.items) + " on " + c.object + bracketed(c.before) +
             (c.after.empty() ? "" : ", but keeps it by " + c.after);
    case ChangeKind::grant_limits_changed:
      return role + ", " + joined(c.items) + " on " + c.object + ": " +
             between(limited(c.before), limited(c.after));
    default:
      return {};
  }
}

std::string words(const Change& c) {
  switch (c.kind) {
    case ChangeKind::setting:
      return setting_words(c);
    case ChangeKind::root_added:
      return "root generation " + c.subject + " is pinned: " + c.after;
    case ChangeKind::root_removed:
      return "root generation " + c.subject + " is no longer pinned: " + c.before;
    case ChangeKind::root_changed:
      return "root generation " + c.subject + ": " + between(c.before, c.after);
    case ChangeKind::image_defined:
      return "image " + c.subject + " is new; no role lists it";
    case ChangeKind::image_undefined:
      return "image " + c.subject + " is gone; no role listed it";
    case ChangeKind::image_changed:
      return "image " + c.subject + " has another " + c.object + ": " + between(c.before, c.after) +
             " (listed by: " + joined(c.items) + ")";
    case ChangeKind::purpose_added:
      return "purpose " + c.subject + " is new";
    case ChangeKind::purpose_removed:
      return "purpose " + c.subject + " is gone";
    case ChangeKind::rotation_added:
      return "keys " + c.subject + " are rotated every " + c.after + " s";
    case ChangeKind::rotation_removed:
      return "keys " + c.subject + " are no longer rotated every " + c.before + " s";
    case ChangeKind::rotation_changed:
      return "keys " + c.subject +
             " are rotated every so many seconds: " + between(c.before, c.after);
    case ChangeKind::operator_added:
      return "operator " + c.subject + " is new, with key " + c.after;
    case ChangeKind::operator_removed:
      return "operator " + c.subject + " is gone, with key " + c.before;
    case ChangeKind::operator_key_changed:
      return "operator " + c.subject + " has another key: " + between(c.before, c.after);
    case ChangeKind::operator_gained:
      return "operator " + c.subject + " gains " + joined(c.items);
    case ChangeKind::operator_lost:
      return "operator " + c.subject + " loses " + joined(c.items);
    case ChangeKind::holder_added:
      return "recovery holder " + c.subject + " is new, with key " + c.after;
    case ChangeKind::holder_removed:
      return "recovery holder " + c.subject + " is gone, with key " + c.before;
    case ChangeKind::holder_key_changed:
      return "recovery holder " + c.subject + " has another key: " + between(c.before, c.after);
    case ChangeKind::session_added:
      return "session rule " + c.subject + " is new";
    case ChangeKind::session_removed:
      return "session rule " + c.subject + " is gone";
    case ChangeKind::session_gained:
      return "session rule " + c.subject + " gains " + c.object + ": " + c.after;
    case ChangeKind::session_lost:
      return "session rule " + c.subject + " loses " + c.object + ": " + c.before;
    case ChangeKind::session_changed:
      return "session rule " + c.subject + ", " + c.object + ": " + between(c.before, c.after);
    default:
      return role_words(c);
  }
}

}  // namespace

std::string_view to_string(Effect effect) noexcept {
  switch (effect) {
    case Effect::more:
      return "more";
    case Effect::less:
      return "less";
    case Effect::other:
      return "other";
  }
  return "unknown";
}

std::string_view to_string(ChangeKind kind) noexcept {
  switch (kind) {
    case ChangeKind::setting:
      return "setting";
    case ChangeKind::root_added:
      return "root_added";
    case ChangeKind::root_removed:
      return "root_removed";
    case ChangeKind::root_changed:
      return "root_changed";
    case ChangeKind::image_defined:
      return "image_defined";
    case ChangeKind::image_undefined:
      return "image_undefined";
    case ChangeKind::image_changed:
      return "image_changed";
    case ChangeKind::role_added:
      return "role_added";
    case ChangeKind::role_removed:
      return "role_removed";
    case ChangeKind::role_image_gained:
      return "role_image_gained";
    case ChangeKind::role_image_lost:
      return "role_image_lost";
    case ChangeKind::role_image_renamed:
      return "role_image_renamed";
    case ChangeKind::role_account_gained:
      return "role_account_gained";
    case ChangeKind::role_account_lost:
      return "role_account_lost";
    case ChangeKind::role_accounts_opened:
      return "role_accounts_opened";
    case ChangeKind::role_accounts_listed:
      return "role_accounts_listed";
    case ChangeKind::role_instance_gained:
      return "role_instance_gained";
    case ChangeKind::role_instance_lost:
      return "role_instance_lost";
    case ChangeKind::role_instances_opened:
      return "role_instances_opened";
    case ChangeKind::role_instances_listed:
      return "role_instances_listed";
    case ChangeKind::role_maximum_changed:
      return "role_maximum_changed";
    case ChangeKind::purpose_added:
      return "purpose_added";
    case ChangeKind::purpose_removed:
      return "purpose_removed";
    case ChangeKind::purpose_role_gained:
      return "purpose_role_gained";
    case ChangeKind::purpose_role_lost:
      return "purpose_role_lost";
    case ChangeKind::grant_gained:
      return "grant_gained";
    case ChangeKind::grant_lost:
      return "grant_lost";
    case ChangeKind::grant_limits_changed:
      return "grant_limits_changed";
    case ChangeKind::rotation_added:
      return "rotation_added";
    case ChangeKind::rotation_removed:
      return "rotation_removed";
    case ChangeKind::rotation_changed:
      return "rotation_changed";
    case ChangeKind::operator_added:
      return "operator_added";
    case ChangeKind::operator_removed:
      return "operator_removed";
    case ChangeKind::operator_key_changed:
      return "operator_key_changed";
    case ChangeKind::operator_gained:
      return "operator_gained";
    case ChangeKind::operator_lost:
      return "operator_lost";
    case ChangeKind::holder_added:
      return "holder_added";
    case ChangeKind::holder_removed:
      return "holder_removed";
    case ChangeKind::holder_key_changed:
      return "holder_key_changed";
    case ChangeKind::session_added:
      return "session_added";
    case ChangeKind::session_removed:
      return "session_removed";
    case ChangeKind::session_gained:
      return "session_gained";
    case ChangeKind::session_lost:
      return "session_lost";
    case ChangeKind::session_changed:
      return "session_changed";
  }
  return "unknown";
}

std::string to_text(const Change& change) {
  const char* const mark = change.effect == Effect::more   ? "+ "
                           : change.effect == Effect::less ? "- "
                                                           : "~ ";
  return mark + words(change);
}

}  // namespace concordat::policy
