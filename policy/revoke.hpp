// Taking back what enroll and its kin gave: images, places, roles, operators.
#pragma once

#include "policy/edit.hpp"

namespace concordat::policy {

// Everything named goes in one edit.
struct Revocation {
  std::vector<std::string> images = {};     // names
  std::vector<std::string> accounts = {};   // role ARNs, or 96 hex digits
  std::vector<std::string> instances = {};  // instance ids, or 96 hex digits
  std::vector<std::string> roles = {};      // whole, with their grants and purposes
  std::vector<std::string> operators = {};  // names
  // Images, accounts and instances are taken out of this role alone; nullopt: out of every one.
  std::optional<std::string> from_role = {};
};

// A pin goes wherever its value is listed, however it is spelled; what is left may be [], which
// admits nobody, and never "any". An image or a role's images that no role lists any more go
// altogether. nothing_matches when any of it is not in the policy: a mistyped revocation revokes
// nothing.
[[nodiscard]] base::Result<std::string> revoke(std::string_view text, const Revocation& revocation);

// Where `after` still lets in what was revoked: a role that takes "any", the same measurements
// under another name, a role that the revocation was not for. `before` says what its image names
// meant.
struct StillAdmitted {
  std::string what;  // as it was revoked
  std::string role;
  std::string why;
};
[[nodiscard]] std::vector<StillAdmitted> still_admitted(const Model& before, const Model& after,
                                                        const Revocation& revocation);

// Roles that `after` leaves with an empty list where `before` had one with entries: nobody can hold
// them any more.
struct Emptied {
  std::string role;
  std::string what;  // "image", "account", "instance"
};
[[nodiscard]] std::vector<Emptied> emptied(const Model& before, const Model& after);

}  // namespace concordat::policy
