#include "deploy/token/module.hpp"

#include <dlfcn.h>

#include <array>
#include <cstdio>

namespace concordat::token {
namespace {

using base::Error;
using base::Result;

std::string hex(CK_RV code) {
  std::array<char, 20> text{};
  std::snprintf(text.data(), text.size(), "0x%08lx", code);
  return text.data();
}

TokenErrc meaning(CK_RV code) noexcept {
  switch (code) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_EXPIRED:
      return TokenErrc::pin_wrong;
    case CKR_PIN_LOCKED:
      return TokenErrc::pin_locked;
    case CKR_USER_PIN_NOT_INITIALIZED:
      return TokenErrc::pin_not_set;
    case CKR_TOKEN_NOT_PRESENT:
    case CKR_DEVICE_REMOVED:
      return TokenErrc::token_absent;
    case CKR_MECHANISM_INVALID:
    case CKR_MECHANISM_PARAM_INVALID:
      return TokenErrc::mechanism_unsupported;
    case CKR_DATA_LEN_RANGE:
      return TokenErrc::message_too_long;
    default:
      return TokenErrc::token_failed;
  }
}

}  // namespace

base::Status check(const char* function, CK_RV code) {
  if (code == CKR_OK) return {};
  return Error(meaning(code), std::string(function) + " answers " + hex(code));
}

Result<std::unique_ptr<Module>> Module::load(const std::string& path) {
  const auto unusable = [&](const std::string& why) {
    return Error(TokenErrc::module_unusable, path + ": " + why);
  };
  if (!path.starts_with('/')) return unusable("want an absolute path");
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return unusable(::dlerror());
  const auto get = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  if (get == nullptr) return unusable("exports no C_GetFunctionList, so it is no PKCS#11 module");
  CK_FUNCTION_LIST_PTR functions = nullptr;
  if (get(&functions) != CKR_OK || functions == nullptr) return unusable("lists no functions");
  // No arguments: this program calls it from one thread.
  if (const auto status = check("C_Initialize", functions->C_Initialize(nullptr)); !status) {
    return unusable(status.error().detail());
  }
  return std::unique_ptr<Module>(new Module(*functions));
}

Module::~Module() {
  functions_.C_Finalize(nullptr);
}

}  // namespace concordat::token
