// What the files of `diff` share. Internal to it.
#pragma once

#include <algorithm>

#include "policy/diff.hpp"
#include "policy/texts.hpp"

namespace concordat::policy {

void diff_images(const Model& before, const Model& after, std::vector<Change>& out);
void diff_roles(const Model& before, const Model& after, std::vector<Change>& out);
void diff_grants(const std::vector<Grant>& before, const std::vector<Grant>& after,
                 std::vector<Change>& out);
void diff_sessions(const Model& before, const Model& after, std::vector<Change>& out);

// `when_larger` is the effect of a growing value.
template <class T>
Effect effect_of(const T& before, const T& after, Effect when_larger) {
  if (before == after || when_larger == Effect::other) return Effect::other;
  return (before < after) == (when_larger == Effect::more) ? Effect::more : Effect::less;
}

struct EntryKinds {
  ChangeKind added, removed;
};
// Calls `each` for every name of either: what is new gains all it has from `nothing`, what is gone
// loses it to that.
template <class Entry, class Map, class Each>
void compare_entries(const Map& before, const Map& after, const Entry& nothing, EntryKinds kinds,
                     std::vector<Change>& out, Each each) {
  for (const auto& [name, entry] : before) {
    const auto found = after.find(name);
    const bool is_gone = found == after.end();
    if (is_gone) out.push_back({.kind = kinds.removed, .effect = Effect::less, .subject = name});
    each(name, entry, is_gone ? nothing : found->second);
  }
  for (const auto& [name, entry] : after) {
    if (before.contains(name)) continue;
    out.push_back({.kind = kinds.added, .effect = Effect::more, .subject = name});
    each(name, nothing, entry);
  }
}

}  // namespace concordat::policy
