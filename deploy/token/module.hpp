// A PKCS#11 module (2.40 or later), loaded and initialised. Internal: includes Cryptoki's header.
#pragma once

#include <p11-kit/pkcs11.h>

#include <memory>
#include <string>

#include "attest/base/result.hpp"
#include "deploy/token/errc.hpp"

namespace concordat::token {

// The status of a Cryptoki function by what it means to whoever signs; token_failed with the
// function's name and the code for everything that has no better name.
[[nodiscard]] base::Status check(const char* function, CK_RV code);

class Module {
 public:
  // `path` must be absolute: a bare name would be looked for where the environment says.
  [[nodiscard]] static base::Result<std::unique_ptr<Module>> load(const std::string& path);
  // Finalises. The code stays loaded: modules start threads and leave handlers behind.
  ~Module();
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  [[nodiscard]] CK_FUNCTION_LIST& functions() const noexcept { return functions_; }

 private:
  explicit Module(CK_FUNCTION_LIST& functions) noexcept : functions_(functions) {}
  CK_FUNCTION_LIST& functions_;
};

}  // namespace concordat::token
