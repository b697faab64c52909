#include "deploy/token/session.hpp"

#include <array>

#include "attest/base/secret_access.hpp"

namespace concordat::token {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kMaxAttribute = 4096;
// A token with more keys of one name is searched by id.
constexpr std::size_t kMaxObjects = 256;

// Cryptoki takes what it only reads without const.
CK_VOID_PTR unconst(const void* data) noexcept {
  return const_cast<CK_VOID_PTR>(data);
}

}  // namespace

Result<std::unique_ptr<Session>> Session::open(const Module& module, CK_SLOT_ID slot) {
  CK_SESSION_HANDLE handle = 0;
  CONCORDAT_CHECK(check("C_OpenSession", module.functions().C_OpenSession(
                                             slot, CKF_SERIAL_SESSION, nullptr, nullptr, &handle)));
  return std::unique_ptr<Session>(new Session(module, handle));
}

Session::~Session() {
  functions_.C_Logout(handle_);
  functions_.C_CloseSession(handle_);
}

Status Session::login(CK_USER_TYPE user, const base::SecretBytes* pin) {
  const base::BytesView text =
      pin == nullptr ? base::BytesView() : pin->expose(base::SecretAccess{});
  const CK_RV code = functions_.C_Login(
      handle_, user, static_cast<CK_UTF8CHAR_PTR>(unconst(text.data())), text.size());
  return code == CKR_USER_ALREADY_LOGGED_IN ? Status() : check("C_Login", code);
}

Result<std::vector<CK_OBJECT_HANDLE>> Session::find_keys(
    CK_OBJECT_CLASS object_class, const std::optional<std::string>& label,
    const std::optional<base::Bytes>& id) const {
  CK_KEY_TYPE key_type = CKK_EC_EDWARDS;
  std::vector<CK_ATTRIBUTE> wanted{{CKA_CLASS, &object_class, sizeof object_class},
                                   {CKA_KEY_TYPE, &key_type, sizeof key_type}};
  if (label) wanted.push_back({CKA_LABEL, unconst(label->data()), label->size()});
  if (id) wanted.push_back({CKA_ID, unconst(id->data()), id->size()});
  CONCORDAT_CHECK(check("C_FindObjectsInit",
                        functions_.C_FindObjectsInit(handle_, wanted.data(), wanted.size())));
  std::vector<CK_OBJECT_HANDLE> found(kMaxObjects);
  CK_ULONG count = 0;
  const Status status =
      check("C_FindObjects", functions_.C_FindObjects(handle_, found.data(), found.size(), &count));
  functions_.C_FindObjectsFinal(handle_);
  CONCORDAT_CHECK(status);
  found.resize(std::min<std::size_t>(count, found.size()));
  return found;
}

Result<std::optional<base::Bytes>> Session::attribute(CK_OBJECT_HANDLE object,
                                                      CK_ATTRIBUTE_TYPE type) const {
  base::Bytes value(kMaxAttribute);
  CK_ATTRIBUTE wanted{type, value.data(), value.size()};
  const CK_RV code = functions_.C_GetAttributeValue(handle_, object, &wanted, 1);
  if (code == CKR_ATTRIBUTE_TYPE_INVALID || code == CKR_ATTRIBUTE_SENSITIVE)
    return std::optional<base::Bytes>();
  CONCORDAT_CHECK(check("C_GetAttributeValue", code));
  if (wanted.ulValueLen > value.size())
    return Error(TokenErrc::token_failed, "an attribute of impossible length");
  value.resize(wanted.ulValueLen);
  return std::optional(std::move(value));
}

Result<bool> Session::always_authenticates(CK_OBJECT_HANDLE key) const {
  CONCORDAT_TRY(const auto value, attribute(key, CKA_ALWAYS_AUTHENTICATE));
  return value && !value->empty() && value->front() != CK_FALSE;
}

Result<policy::Signature> Session::sign(CK_OBJECT_HANDLE key, base::BytesView message,
                                        const base::SecretBytes* pin) {
  CONCORDAT_TRY(const bool again, always_authenticates(key));
  CK_MECHANISM mechanism{CKM_EDDSA, nullptr, 0};
  CONCORDAT_CHECK(check("C_SignInit", functions_.C_SignInit(handle_, &mechanism, key)));
  if (again) CONCORDAT_CHECK(login(CKU_CONTEXT_SPECIFIC, pin));
  std::array<std::uint8_t, policy::Signature::kSize> signature{};
  CK_ULONG size = signature.size();
  const CK_RV code = functions_.C_Sign(handle_, static_cast<CK_BYTE_PTR>(unconst(message.data())),
                                       message.size(), signature.data(), &size);
  if (code == CKR_DATA_LEN_RANGE) {
    return Error(TokenErrc::message_too_long,
                 std::to_string(message.size()) +
                     " bytes; Ed25519 passes the whole message through the token, so shorten the "
                     "policy, or sign with another token or a key file");
  }
  CONCORDAT_CHECK(check("C_Sign", code));
  if (size != signature.size())
    return Error(TokenErrc::token_failed, "a signature of " + std::to_string(size) + " bytes");
  return policy::Signature(signature);
}

}  // namespace concordat::token
