#include "policy/diff.hpp"

#include <algorithm>

#include "policy/diff_parts.hpp"
#include "policy/evaluate.hpp"

namespace concordat::policy {
namespace {

using Names = std::vector<std::string>;

constexpr const char* kNone = "none";

std::string root_words(const RootGeneration& root) {
  return std::string(root.current ? "current" : "read_only") + ", commitment " +
         base::to_hex(root.commitment) +
         (root.kms_key_arn ? ", sealed by " + *root.kms_key_arn : "");
}

class Comparison {
 public:
  Comparison(const Model& before, const Model& after) : before_(before), after_(after) {}

  std::vector<Change> run() && {
    compare_settings();
    compare_roots();
    diff_images(before_, after_, out_);
    diff_roles(before_, after_, out_);
    compare_purposes();
    diff_grants(before_.grants, after_.grants, out_);
    compare_rotations();
    compare_operators();
    compare_holders();
    diff_sessions(before_, after_, out_);
    return std::move(out_);
  }

 private:
  void add(Change change) { out_.push_back(std::move(change)); }

  void setting(const char* name, const std::string& before, const std::string& after,
               Effect effect = Effect::other) {
    if (before != after) {
      add({.kind = ChangeKind::setting,
           .effect = effect,
           .subject = name,
           .before = before,
           .after = after});
    }
  }
  void number(const char* name, std::uint64_t before, std::uint64_t after, Effect when_more) {
    setting(name, std::to_string(before), std::to_string(after),
            effect_of(before, after, when_more));
  }
  void time(const char* name, base::UnixMillis before, base::UnixMillis after, Effect when_later) {
    setting(name, base::format_rfc3339(before), base::format_rfc3339(after),
            effect_of(before, after, when_later));
  }

  void compare_settings() {
    setting("realm", before_.realm, after_.realm);
    number("serial", before_.serial, after_.serial, Effect::other);
    time("validity begins", before_.valid_from, after_.valid_from, Effect::less);
    time("validity ends", before_.valid_until, after_.valid_until, Effect::more);
    setting("authority", before_.authority.hex(), after_.authority.hex());
    number("minimum protocol version", before_.minimum_protocol_version,
           after_.minimum_protocol_version, Effect::less);
    number("maximum age of documents in seconds", before_.document_max_age_seconds,
           after_.document_max_age_seconds, Effect::more);
    const ChannelLife& a = before_.channel_life;
    const ChannelLife& b = after_.channel_life;
    number("life of a channel in seconds", a.seconds, b.seconds, Effect::more);
    number("life of a channel in bytes", a.bytes, b.bytes, Effect::more);
    number("life of a channel in records", a.records, b.records, Effect::more);
    compare_freshness();
    setting("audited uses", std::string(to_string(before_.audited_uses)),
            std::string(to_string(after_.audited_uses)));
    setting("KMS key", before_.kms_key_arn.value_or(kNone), after_.kms_key_arn.value_or(kNone));
    const auto threshold = [](const Model& model) {
      return model.recovery ? std::to_string(model.recovery->threshold) : kNone;
    };
    setting("recovery threshold", threshold(before_), threshold(after_));
  }

  void compare_freshness() {
    const auto& a = before_.freshness;
    const auto& b = after_.freshness;
    Effect effect = Effect::other;
    if (a.has_value() != b.has_value()) effect = b ? Effect::less : Effect::more;
    setting("freshness key", a ? a->key.hex() : kNone, b ? b->key.hex() : kNone, effect);
    if (a && b) {
      number("freshness: maximum age of a statement in seconds", a->max_age_seconds,
             b->max_age_seconds, Effect::more);
    } else {
      const auto age = [](const auto& f) { return f ? std::to_string(f->max_age_seconds) : kNone; };
      setting("freshness: maximum age of a statement in seconds", age(a), age(b), effect);
    }
  }

  void compare_roots() {
    std::map<std::uint32_t, std::pair<std::string, std::string>> generations;
    for (const RootGeneration& root : before_.root_generations)
      generations[root.generation].first = root_words(root);
    for (const RootGeneration& root : after_.root_generations)
      generations[root.generation].second = root_words(root);
    for (const auto& [number, words] : generations) {
      const auto& [a, b] = words;
      if (a == b) continue;
      const ChangeKind kind = a.empty()   ? ChangeKind::root_added
                              : b.empty() ? ChangeKind::root_removed
                                          : ChangeKind::root_changed;
      add({.kind = kind, .subject = std::to_string(number), .before = a, .after = b});
    }
  }

  void compare_purposes() {
    compare_entries<Purpose>(before_.purposes, after_.purposes, {},
                             {ChangeKind::purpose_added, ChangeKind::purpose_removed}, out_,
                             [&](const std::string& name, const Purpose& a, const Purpose& b) {
                               purpose_side(name, Side::initiator, a.initiator, b.initiator);
                               purpose_side(name, Side::responder, a.responder, b.responder);
                             });
  }

  void purpose_side(const std::string& purpose, Side side, const Names& a, const Names& b) {
    const std::string words(to_string(side));
    for (const std::string& role : a) {
      if (contains(b, role)) continue;
      add({.kind = ChangeKind::purpose_role_lost,
           .effect = Effect::less,
           .subject = role,
           .object = purpose,
           .before = words});
    }
    for (const std::string& role : b) {
      if (contains(a, role)) continue;
      add({.kind = ChangeKind::purpose_role_gained,
           .effect = Effect::more,
           .subject = role,
           .object = purpose,
           .after = words});
    }
  }

  // Nobody may do more or less by a new version.
  void compare_rotations() {
    const auto words = [](const RotationIntervals& rotations, const std::string& keys) {
      const auto found = rotations.find(keys);
      return found == rotations.end() ? std::string() : std::to_string(found->second.every_seconds);
    };
    RotationIntervals all = before_.rotation;
    all.insert(after_.rotation.begin(), after_.rotation.end());
    for (const auto& [keys, rotation] : all) {
      const std::string a = words(before_.rotation, keys);
      const std::string b = words(after_.rotation, keys);
      if (a == b) continue;
      const ChangeKind kind = a.empty()   ? ChangeKind::rotation_added
                              : b.empty() ? ChangeKind::rotation_removed
                                          : ChangeKind::rotation_changed;
      add({.kind = kind, .subject = keys, .before = a, .after = b});
    }
  }

  // The keys of operators and holders: who is new, gone, or another than before.
  template <class Map, class KeyOf>
  void compare_keys(const Map& a, const Map& b, KeyOf key_of, ChangeKind added, ChangeKind removed,
                    ChangeKind changed) {
    for (const auto& [name, entry] : a) {
      const auto found = b.find(name);
      const std::string key = key_of(entry).hex();
      if (found == b.end()) {
        add({.kind = removed, .effect = Effect::less, .subject = name, .before = key});
      } else if (key_of(found->second) != key_of(entry)) {
        add({.kind = changed,
             .subject = name,
             .before = key,
             .after = key_of(found->second).hex()});
      }
    }
    for (const auto& [name, entry] : b) {
      if (a.contains(name)) continue;
      add({.kind = added, .effect = Effect::more, .subject = name, .after = key_of(entry).hex()});
    }
  }

  void compare_operators() {
    const auto key_of = [](const Operator& entry) { return entry.key; };
    compare_keys(before_.operators, after_.operators, key_of, ChangeKind::operator_added,
                 ChangeKind::operator_removed, ChangeKind::operator_key_changed);
    const auto purposes = [](const Operators& operators, const std::string& name) {
      const auto found = operators.find(name);
      return found == operators.end() ? Names() : found->second.purposes;
    };
    Operators everyone = before_.operators;
    everyone.insert(after_.operators.begin(), after_.operators.end());
    for (const auto& [name, entry] : everyone) {
      const Names a = purposes(before_.operators, name);
      const Names b = purposes(after_.operators, name);
      operator_purposes(ChangeKind::operator_lost, Effect::less, name, a, b);
      operator_purposes(ChangeKind::operator_gained, Effect::more, name, b, a);
    }
  }
  void operator_purposes(ChangeKind kind, Effect effect, const std::string& name,
                         const Names& these, const Names& without) {
    Names items;
    std::ranges::copy_if(these, std::back_inserter(items),
                         [&](const std::string& purpose) { return !contains(without, purpose); });
    if (items.empty()) return;
    add({.kind = kind, .effect = effect, .subject = name, .items = std::move(items)});
  }

  void compare_holders() {
    using Holders = decltype(Recovery::holders);
    const auto key_of = [](const HolderKey& key) { return key; };
    compare_keys(before_.recovery ? before_.recovery->holders : Holders(),
                 after_.recovery ? after_.recovery->holders : Holders(), key_of,
                 ChangeKind::holder_added, ChangeKind::holder_removed,
                 ChangeKind::holder_key_changed);
  }

  const Model& before_;
  const Model& after_;
  std::vector<Change> out_;
};

}  // namespace

std::vector<Change> diff(const Model& before, const Model& after) {
  return Comparison(before, after).run();
}

}  // namespace concordat::policy
