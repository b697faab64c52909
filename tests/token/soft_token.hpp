// Tokens of SoftHSM in a folder of the test's own, and keys on them.
#pragma once

#include <string>

#include "attest/base/bytes.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::test {

// Where SoftHSM's module is; empty where it is not installed.
inline constexpr const char* kSoftHsm = CONCORDAT_SOFTHSM;

struct SoftKey {
  std::string label;
  base::Bytes id{};
  base::Bytes seed{};  // 32 bytes to import; empty: the token generates the pair
  bool with_public_key = true;
  bool always_authenticate = false;
};

// Points SOFTHSM2_CONF at its folder for as long as it lives: one at a time.
class SoftTokens {
 public:
  static constexpr const char* kPin = "s3cret-pin";

  SoftTokens();
  ~SoftTokens();
  SoftTokens(const SoftTokens&) = delete;
  SoftTokens& operator=(const SoftTokens&) = delete;

  // By `softhsm2-util --init-token`.
  void add_token(const std::string& label);
  void add_key(const std::string& token, const SoftKey& key);
  // A P-256 pair: a key of another kind.
  void add_p256_key(const std::string& token, const std::string& label);

 private:
  TemporaryFolder folder_;
};

}  // namespace concordat::test
