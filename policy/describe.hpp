// What a policy comes to: who may talk to whom, and who gets which keys. Gathered from where the
// file has it, so that nobody has to.
#pragma once

#include <string>
#include <vector>

#include "policy/model.hpp"

namespace concordat::policy {

// Under one purpose every one of those who ask may talk to every one of those who answer.
struct Conversation {
  std::string purpose;
  std::vector<std::string> ask;        // roles
  std::vector<std::string> operators;  // who may ask too
  std::vector<std::string> answer;     // roles; for "keys" the custodians
};

struct RoleSummary {
  std::string name;
  bool is_custodian = false;
  std::vector<std::string> images;
  const Role* role = nullptr;
  std::vector<std::string> asks;     // purposes
  std::vector<std::string> answers;  // purposes
  // In the file's order; empty for a role that may not ask for keys, whatever grants it has.
  std::vector<const Grant*> grants;
};

// Points into `model`.
struct Description {
  const Model* model = nullptr;
  std::vector<Conversation> conversations;
  std::vector<RoleSummary> roles;
};
[[nodiscard]] Description describe(const Model& model);

// In plain words; `now` says whether it is in force.
[[nodiscard]] std::string to_text(const Description& description, base::UnixMillis now);

// What rules of sessions come to, in plain words; empty where there are none. Part of to_text.
[[nodiscard]] std::string sessions_text(const Model& model);

// "not yet", "in force" or "expired".
[[nodiscard]] std::string_view state_at(const Model& model, base::UnixMillis now) noexcept;

}  // namespace concordat::policy
