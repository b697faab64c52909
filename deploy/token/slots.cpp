#include "deploy/token/slots.hpp"

#include "policy/finding.hpp"

namespace concordat::token {
namespace {

using base::Error;
using base::Result;

// More than any module has; a larger number is a fault of its own.
constexpr CK_ULONG kMaxSlots = 4096;

// Cryptoki's texts are padded with blanks, not ended.
template <std::size_t N>
std::string unpadded(const unsigned char (&text)[N]) {
  const std::string_view all(reinterpret_cast<const char*>(text), N);
  const std::size_t last = all.find_last_not_of(std::string_view(" \0", 2));
  return std::string(all.substr(0, last == all.npos ? 0 : last + 1));
}

Result<std::vector<CK_SLOT_ID>> slot_ids(const Module& module) {
  CK_ULONG count = 0;
  CONCORDAT_CHECK(
      check("C_GetSlotList", module.functions().C_GetSlotList(CK_TRUE, nullptr, &count)));
  if (count > kMaxSlots) {
    return Error(TokenErrc::token_failed,
                 "C_GetSlotList claims " + std::to_string(count) + " slots");
  }
  std::vector<CK_SLOT_ID> ids(count);
  if (ids.empty()) return ids;
  CONCORDAT_CHECK(
      check("C_GetSlotList", module.functions().C_GetSlotList(CK_TRUE, ids.data(), &count)));
  ids.resize(std::min<std::size_t>(count, ids.size()));
  return ids;
}

bool matches(const Slot& slot, const Uri& uri) {
  const auto agrees = [](const std::optional<std::string>& wanted, const std::string& found) {
    return !wanted || *wanted == found;
  };
  return agrees(uri.token, slot.label) && agrees(uri.serial, slot.serial) &&
         agrees(uri.manufacturer, slot.manufacturer) && agrees(uri.model, slot.model);
}

std::string names_of(const std::vector<Slot>& slots) {
  std::string out;
  for (const Slot& slot : slots)
    out += (out.empty() ? "" : ", ") + policy::quote(slot.label) + " (serial " +
           policy::quote(slot.serial) + ")";
  return out;
}

}  // namespace

Result<std::vector<Slot>> find_slots(const Module& module) {
  CONCORDAT_TRY(const auto ids, slot_ids(module));
  std::vector<Slot> slots;
  for (const CK_SLOT_ID id : ids) {
    CK_TOKEN_INFO info{};
    const CK_RV code = module.functions().C_GetTokenInfo(id, &info);
    if (code == CKR_TOKEN_NOT_PRESENT || code == CKR_TOKEN_NOT_RECOGNIZED) continue;
    CONCORDAT_CHECK(check("C_GetTokenInfo", code));
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0) continue;
    slots.push_back({id, info.flags, unpadded(info.label), unpadded(info.manufacturerID),
                     unpadded(info.model), unpadded(info.serialNumber)});
  }
  return slots;
}

Result<Slot> find_one_slot(const Module& module, const Uri& uri) {
  CONCORDAT_TRY(const std::vector<Slot> all, find_slots(module));
  std::vector<Slot> found;
  std::ranges::copy_if(all, std::back_inserter(found),
                       [&](const Slot& slot) { return matches(slot, uri); });
  if (found.empty()) {
    return Error(TokenErrc::token_absent,
                 all.empty() ? "the module sees none" : "the module sees " + names_of(all));
  }
  if (found.size() > 1) {
    return Error(TokenErrc::several_tokens, names_of(found) + "; name one by token= and serial=");
  }
  return found.front();
}

base::Status require_eddsa(const Module& module, const Slot& slot) {
  CK_MECHANISM_INFO info{};
  const CK_RV code = module.functions().C_GetMechanismInfo(slot.id, CKM_EDDSA, &info);
  if (code == CKR_OK && (info.flags & CKF_SIGN) != 0) return {};
  if (code != CKR_OK && code != CKR_MECHANISM_INVALID) return check("C_GetMechanismInfo", code);
  return Error(TokenErrc::mechanism_unsupported, "token " + policy::quote(slot.label));
}

}  // namespace concordat::token
