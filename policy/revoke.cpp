#include "policy/revoke.hpp"

#include <algorithm>
#include <set>

#include "policy/coverage.hpp"
#include "policy/edit_file.hpp"
#include "policy/finding.hpp"
#include "policy/names.hpp"

namespace concordat::policy {
namespace {

using ReadPin = std::optional<Pin> (*)(std::string_view);

base::Error nothing(std::string detail) {
  return base::Error(EditErrc::nothing_matches, std::move(detail));
}

class Revoking {
 public:
  Revoking(Json file, const Revocation& revocation)
      : file_(std::move(file)), revocation_(revocation) {}

  base::Result<std::string> run() && {
    const auto& from = revocation_.from_role;
    if (from && !file_["roles"].contains(*from)) return nothing("/roles has no " + quote(*from));
    for (const std::string& name : revocation_.roles)
      CONCORDAT_CHECK(take_role(name));
    for (const std::string& name : revocation_.images)
      CONCORDAT_CHECK(take_image(name));
    for (const std::string& pin : revocation_.accounts)
      CONCORDAT_CHECK(take_pin("accounts", pin, account_pin));
    for (const std::string& pin : revocation_.instances)
      CONCORDAT_CHECK(take_pin("instances", pin, instance_pin));
    for (const std::string& name : revocation_.operators) {
      if (file_["operators"].erase(name) == 0) return nothing("/operators has no " + quote(name));
    }
    drop_unlisted_images();
    return close_file(std::move(file_));
  }

 private:
  template <class Each>
  void each_role(Each each) {
    for (const auto& [name, role] : file_["roles"].items()) {
      if (!revocation_.from_role || name == *revocation_.from_role) each(name, role);
    }
    if (!revocation_.from_role) each_foreign_role(each);
  }
  // Roles that other realms have in sessions.
  template <class Each>
  void each_foreign_role(Each each) {
    if (!file_.contains("sessions")) return;
    for (const auto& [session, rule] : file_["sessions"].items()) {
      for (const auto& [realm, entry] : rule["realms"].items()) {
        for (const auto& [name, role] : entry["roles"].items())
          each(session + "/" + realm + "/" + name, role);
      }
    }
  }
  // "role "x" does not list ", or "no role lists ".
  [[nodiscard]] std::string nobody_lists() const {
    const auto& from = revocation_.from_role;
    return from ? "role " + quote(*from) + " does not list " : "no role lists ";
  }

  base::Status take_role(const std::string& name) {
    Json& roles = file_["roles"];
    if (!roles.contains(name)) return nothing("/roles has no " + quote(name));
    for (const Json& image : roles[name]["images"])
      unlisted_.insert(image.get<std::string>());
    roles.erase(name);
    for (const auto& [purpose, sides] : file_["purposes"].items()) {
      take(sides["initiator"], name);
      take(sides["responder"], name);
    }
    if (file_.contains("sessions")) {
      for (const auto& [session, rule] : file_["sessions"].items())
        take(rule["own_roles"], name);
    }
    Json kept = Json::array();
    for (Json& grant : file_["grants"]) {
      if (grant["role"] != name) kept.push_back(std::move(grant));
    }
    file_["grants"] = std::move(kept);
    return {};
  }

  base::Status take_image(const std::string& name) {
    if (!file_["images"].contains(name)) return nothing("/images has no " + quote(name));
    bool taken = false;
    each_role([&](const std::string&, Json& role) { taken |= take(role["images"], name); });
    unlisted_.insert(name);
    // An image that no role lists can go; out of a role that does not list it, it cannot.
    if (taken || !revocation_.from_role) return {};
    return nothing(nobody_lists() + "image " + quote(name));
  }

  base::Status take_pin(const char* key, const std::string& text, ReadPin read) {
    const auto pin = read(text);
    if (!pin) return nothing(quote(text) + " is nothing that " + key + " can list");
    bool taken = false;
    std::string open;  // roles that take any
    each_role([&](const std::string& name, Json& role) {
      Json& list = role[key];
      if (!list.is_array()) {
        open += (open.empty() ? "" : ", ") + name;
        return;
      }
      const std::size_t before = list.size();
      Json kept = Json::array();
      for (Json& entry : list) {
        const auto listed = read(entry.get<std::string>());
        if (!listed || listed->value != pin->value) kept.push_back(std::move(entry));
      }
      list = std::move(kept);
      taken |= list.size() != before;
    });
    if (taken) return {};
    const std::string hint =
        open.empty() ? std::string()
                     : "; any is taken by " + open + ": list there those that you want to keep";
    return nothing(nobody_lists() + quote(text) + hint);
  }

  void drop_unlisted_images() {
    for (const auto& [name, role] : file_["roles"].items()) {
      for (const Json& image : role["images"])
        unlisted_.erase(image.get<std::string>());
    }
    each_foreign_role([&](const std::string&, Json& role) {
      for (const Json& image : role["images"])
        unlisted_.erase(image.get<std::string>());
    });
    for (const std::string& image : unlisted_)
      file_["images"].erase(image);
  }

  // True when it was there.
  static bool take(Json& list, const std::string& text) {
    const auto found = std::ranges::find(list, Json(text));
    if (found == list.end()) return false;
    list.erase(found);
    return true;
  }

  Json file_;
  const Revocation& revocation_;
  std::set<std::string> unlisted_;  // images that lost a role
};

void find_image(const Image& revoked, const Model& after, std::vector<StillAdmitted>& out) {
  for (const auto& [name, role] : after.roles) {
    for (const std::uint32_t index : role.images) {
      const Image& image = after.images[index];
      if (!can_be_same(image, revoked)) continue;
      out.push_back({"image " + revoked.name, name,
                     image.name == revoked.name ? "lists it too"
                                                : "lists the same measurements as " + image.name});
      break;
    }
  }
}

void find_pin(const std::string& what, const std::string& text, ReadPin read, Pins Role::*pins,
              const Model& after, std::vector<StillAdmitted>& out) {
  const auto pin = read(text);
  if (!pin) return;
  for (const auto& [name, role] : after.roles) {
    const auto& list = role.*pins;
    if (!list) {
      out.push_back({what + " " + text, name, "takes any " + what});
    } else if (lists(list, pin->value)) {
      out.push_back({what + " " + text, name, "lists it too"});
    }
  }
}

}  // namespace

base::Result<std::string> revoke(std::string_view text, const Revocation& revocation) {
  CONCORDAT_TRY(Json file, open_file(text));
  return Revoking(std::move(file), revocation).run();
}

std::vector<StillAdmitted> still_admitted(const Model& before, const Model& after,
                                          const Revocation& revocation) {
  std::vector<StillAdmitted> out;
  for (const std::string& name : revocation.images) {
    if (const Image* const image = before.image(name)) find_image(*image, after, out);
  }
  for (const std::string& pin : revocation.accounts)
    find_pin("account", pin, account_pin, &Role::accounts, after, out);
  for (const std::string& pin : revocation.instances)
    find_pin("instance", pin, instance_pin, &Role::instances, after, out);
  return out;
}

std::vector<Emptied> emptied(const Model& before, const Model& after) {
  std::vector<Emptied> out;
  const auto is_empty = [](const Pins& pins) { return pins && pins->empty(); };
  for (const auto& [name, role] : after.roles) {
    const Role* const old = before.role(name);
    if (old == nullptr) continue;
    if (role.images.empty() && !old->images.empty()) out.push_back({name, "image"});
    if (is_empty(role.accounts) && !is_empty(old->accounts)) out.push_back({name, "account"});
    if (is_empty(role.instances) && !is_empty(old->instances)) out.push_back({name, "instance"});
  }
  return out;
}

}  // namespace concordat::policy
