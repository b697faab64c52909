// A PKCS#11 module that passes everything on to SoftHSM, and does one thing as another maker's
// token would, or as a broken one: what CONCORDAT_TWIST names.
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

CK_FUNCTION_LIST* real = nullptr;
CK_FUNCTION_LIST twisted;

bool twist(std::string_view name) {
  const char* const wanted = std::getenv("CONCORDAT_TWIST");
  return wanted != nullptr && name == wanted;
}

CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV code = real->C_GetTokenInfo(slot, info);
  if (code != CKR_OK) return code;
  if (twist("pin_locked")) info->flags |= CKF_USER_PIN_LOCKED;
  if (twist("pin_not_set")) info->flags &= ~CK_FLAGS{CKF_USER_PIN_INITIALIZED};
  if (twist("last_try")) info->flags |= CKF_USER_PIN_FINAL_TRY;
  if (twist("pin_pad")) info->flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
  return code;
}

// A pad of the token's own: whoever sends a PIN through the computer is refused.
CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR* pin, CK_ULONG size) {
  if (!twist("pin_pad")) return real->C_Login(session, user, pin, size);
  if (pin != nullptr || size != 0) return CKR_PIN_INCORRECT;
  unsigned char typed[] = "s3cret-pin";
  return real->C_Login(session, user, typed, sizeof typed - 1);
}

CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO* info) {
  const CK_RV code = real->C_GetMechanismInfo(slot, type, info);
  if (twist("no_eddsa")) return CKR_MECHANISM_INVALID;
  if (twist("eddsa_verifies_only")) info->flags &= ~CK_FLAGS{CKF_SIGN};
  return code;
}

CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE* attributes, CK_ULONG count) {
  const CK_RV code = real->C_GetAttributeValue(session, object, attributes, count);
  if (count != 1 || attributes[0].type != CKA_EC_POINT || code != CKR_OK) return code;
  if (twist("no_point")) {
    attributes[0].ulValueLen = CK_UNAVAILABLE_INFORMATION;
    return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  if (twist("long_point")) attributes[0].ulValueLen = 57;  // Ed448's
  if (twist("impossible_length")) attributes[0].ulValueLen = CK_UNAVAILABLE_INFORMATION;
  if (twist("bare_point") && attributes[0].ulValueLen == 34) {
    auto* const point = static_cast<unsigned char*>(attributes[0].pValue);
    std::memmove(point, point + 2, 32);
    attributes[0].ulValueLen = 32;
  }
  return code;
}

CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE* data, CK_ULONG size, CK_BYTE* signature,
           CK_ULONG* signature_size) {
  if (twist("message_too_long")) return CKR_DATA_LEN_RANGE;
  if (twist("removed")) return CKR_DEVICE_REMOVED;
  if (twist("device_error")) return CKR_DEVICE_ERROR;
  const CK_RV code = real->C_Sign(session, data, size, signature, signature_size);
  if (twist("wrong_signature")) signature[7] ^= 1;
  if (twist("short_signature")) *signature_size = 63;
  return code;
}

}  // namespace

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
  if (twist("no_functions")) return CKR_GENERAL_ERROR;
  void* const library = ::dlopen(CONCORDAT_SOFTHSM, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return CKR_LIBRARY_LOAD_FAILED;
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (const CK_RV code = get(&real); code != CKR_OK) return code;
  twisted = *real;
  twisted.C_GetTokenInfo = get_token_info;
  twisted.C_Login = login;
  twisted.C_GetMechanismInfo = get_mechanism_info;
  twisted.C_GetAttributeValue = get_attribute_value;
  twisted.C_Sign = sign;
  *list = &twisted;
  return CKR_OK;
}
