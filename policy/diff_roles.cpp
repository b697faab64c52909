#include "policy/coverage.hpp"
#include "policy/diff_parts.hpp"

namespace concordat::policy {
namespace {

using Names = std::vector<std::string>;

constexpr const char* kAny = "any";

Names roles_listing(const Model& model, std::string_view image) {
  Names out;
  for (const auto& [name, role] : model.roles) {
    if (std::ranges::any_of(role.images,
                            [&](std::uint32_t i) { return model.images[i].name == image; })) {
      out.push_back(name);
    }
  }
  return out;
}

const Image* find_named(const Model& model, const Role& role, std::string_view name) {
  const auto found = std::ranges::find_if(
      role.images, [&](std::uint32_t i) { return model.images[i].name == name; });
  return found == role.images.end() ? nullptr : &model.images[*found];
}

const Image* find_covering(const Model& model, const Role& role, const Image& image) {
  const auto found = std::ranges::find_if(
      role.images, [&](std::uint32_t i) { return covers(model.images[i], image); });
  return found == role.images.end() ? nullptr : &model.images[*found];
}

// The registers of an image that keeps its name.
void diff_image(const Image& a, const Image& b, const Names& roles, std::vector<Change>& out) {
  const auto compare = [&](const char* name, const std::string& x, const std::string& y,
                           Effect effect) {
    if (x == y) return;
    out.push_back({ChangeKind::image_changed, effect, a.name, name, roles, x, y});
  };
  compare("PCR0", a.pcr0.hex(), b.pcr0.hex(), Effect::other);
  compare("PCR1", a.pcr1.hex(), b.pcr1.hex(), Effect::other);
  compare("PCR2", a.pcr2.hex(), b.pcr2.hex(), Effect::other);
  Effect signer = Effect::other;
  if (a.pcr8.has_value() != b.pcr8.has_value()) signer = b.pcr8 ? Effect::less : Effect::more;
  compare("PCR8", a.pcr8 ? a.pcr8->hex() : kAny, b.pcr8 ? b.pcr8->hex() : kAny, signer);
}

// Kinds of the changes of accounts, and of instances.
struct PinKinds {
  ChangeKind gained, lost, opened, listed;
};
constexpr PinKinds kAccountKinds{ChangeKind::role_account_gained, ChangeKind::role_account_lost,
                                 ChangeKind::role_accounts_opened,
                                 ChangeKind::role_accounts_listed};
constexpr PinKinds kInstanceKinds{ChangeKind::role_instance_gained, ChangeKind::role_instance_lost,
                                  ChangeKind::role_instances_opened,
                                  ChangeKind::role_instances_listed};

Names texts_of(const std::vector<Pin>& pins) {
  Names out;
  for (const Pin& pin : pins)
    out.push_back(pin.text);
  return out;
}

class RoleComparison {
 public:
  RoleComparison(const Model& before, const Model& after, const std::string& name,
                 std::vector<Change>& out)
      : before_(before), after_(after), name_(name), out_(out) {}

  void run(const Role& a, const Role& b) {
    images_lost(a, b);
    images_gained(a, b);
    pins(a.accounts, b.accounts, kAccountKinds);
    pins(a.instances, b.instances, kInstanceKinds);
    maximum_live(a, b);
  }

 private:
  void add(Change change) {
    change.subject = name_;
    out_.push_back(std::move(change));
  }

  // An image that keeps its name is the business of diff_image.
  void images_lost(const Role& a, const Role& b) {
    for (const std::uint32_t index : a.images) {
      const Image& image = before_.images[index];
      if (find_named(after_, b, image.name) != nullptr) continue;
      const Image* const heir = find_covering(after_, b, image);
      if (heir == nullptr) {
        add({.kind = ChangeKind::role_image_lost, .effect = Effect::less, .object = image.name});
        continue;
      }
      heirs_.push_back(heir->name);
      add({.kind = ChangeKind::role_image_renamed,
           .effect = covers(image, *heir) ? Effect::other : Effect::more,
           .before = image.name,
           .after = heir->name});
    }
  }

  void images_gained(const Role& a, const Role& b) {
    for (const std::uint32_t index : b.images) {
      const Image& image = after_.images[index];
      if (find_named(before_, a, image.name) != nullptr || contains(heirs_, image.name)) continue;
      const bool had = find_covering(before_, a, image) != nullptr;
      add({.kind = ChangeKind::role_image_gained,
           .effect = had ? Effect::other : Effect::more,
           .object = image.name});
    }
  }

  void pins(const Pins& a, const Pins& b, const PinKinds& kinds) {
    if (a && b) {
      for (const Pin& pin : *a) {
        if (lists(b, pin.value)) continue;
        add({.kind = kinds.lost, .effect = Effect::less, .object = pin.text});
      }
      for (const Pin& pin : *b) {
        if (lists(a, pin.value)) continue;
        add({.kind = kinds.gained, .effect = Effect::more, .object = pin.text});
      }
    } else if (a) {
      add({.kind = kinds.opened, .effect = Effect::more, .items = texts_of(*a)});
    } else if (b) {
      add({.kind = kinds.listed, .effect = Effect::less, .items = texts_of(*b)});
    }
  }

  void maximum_live(const Role& a, const Role& b) {
    if (a.maximum_live == b.maximum_live) return;
    const auto words = [](const auto& limit) { return limit ? std::to_string(*limit) : kAny; };
    constexpr std::uint64_t kUnlimited = UINT64_MAX;
    add({.kind = ChangeKind::role_maximum_changed,
         .effect = effect_of(a.maximum_live.value_or(kUnlimited),
                             b.maximum_live.value_or(kUnlimited), Effect::more),
         .before = words(a.maximum_live),
         .after = words(b.maximum_live)});
  }

  const Model& before_;
  const Model& after_;
  const std::string& name_;
  std::vector<Change>& out_;
  Names heirs_;  // names under which `after` lists what lost its name
};

}  // namespace

void diff_images(const Model& before, const Model& after, std::vector<Change>& out) {
  for (const Image& a : before.images) {
    if (const Image* const b = after.image(a.name)) {
      diff_image(a, *b, roles_listing(after, a.name), out);
    } else if (roles_listing(before, a.name).empty()) {
      out.push_back({.kind = ChangeKind::image_undefined, .subject = a.name});
    }
  }
  for (const Image& b : after.images) {
    if (before.image(b.name) != nullptr || !roles_listing(after, b.name).empty()) continue;
    out.push_back({.kind = ChangeKind::image_defined, .subject = b.name});
  }
}

void diff_roles(const Model& before, const Model& after, std::vector<Change>& out) {
  Role nobody;
  nobody.accounts.emplace();
  nobody.instances.emplace();
  compare_entries(before.roles, after.roles, nobody,
                  {ChangeKind::role_added, ChangeKind::role_removed}, out,
                  [&](const std::string& name, const Role& a, const Role& b) {
                    RoleComparison(before, after, name, out).run(a, b);
                  });
}

}  // namespace concordat::policy
