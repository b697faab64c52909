// The tokens that a module sees now. Internal.
#pragma once

#include <vector>

#include "deploy/token/module.hpp"
#include "deploy/token/uri.hpp"

namespace concordat::token {

struct Slot {
  CK_SLOT_ID id = 0;
  CK_FLAGS flags = 0;  // of the token
  std::string label;
  std::string manufacturer;
  std::string model;
  std::string serial;
};

// Initialised tokens, in the module's order.
[[nodiscard]] base::Result<std::vector<Slot>> find_slots(const Module& module);
// The one that `uri` names: token_absent with those that are there, or several_tokens.
[[nodiscard]] base::Result<Slot> find_one_slot(const Module& module, const Uri& uri);
// mechanism_unsupported unless the token signs by CKM_EDDSA.
[[nodiscard]] base::Status require_eddsa(const Module& module, const Slot& slot);

}  // namespace concordat::token
