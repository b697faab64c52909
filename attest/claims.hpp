// What a document says once chain, signature and debug rule have been checked. Holding one of these
// means that AWS's hypervisor (or the custom root's owner) said so; it does not mean that the
// enclave is one to talk to (policy decides), nor that the document is fresh: verify.hpp's
// verify_live adds that.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "attest/document.hpp"
#include "attest/roots.hpp"

namespace concordat::attest {

class VerifiedClaims {
 public:
  [[nodiscard]] const std::string& module_id() const noexcept { return module_id_; }
  // When the hypervisor made the document.
  [[nodiscard]] base::UnixMillis timestamp() const noexcept { return timestamp_; }
  // As many as the document has; a PCR that is not here has no value, not the value zero.
  [[nodiscard]] const std::map<std::uint8_t, PcrValue>& pcrs() const noexcept { return pcrs_; }
  [[nodiscard]] std::optional<PcrValue> pcr(unsigned index) const;
  [[nodiscard]] const std::optional<base::Bytes>& public_key() const noexcept {
    return public_key_;
  }
  [[nodiscard]] const std::optional<base::Bytes>& user_data() const noexcept { return user_data_; }
  [[nodiscard]] const std::optional<base::Bytes>& nonce() const noexcept { return nonce_; }
  // PCR0, PCR1 or PCR2 is zero: the image is not what it says and its memory can be read.
  [[nodiscard]] bool debug() const noexcept { return debug_; }
  [[nodiscard]] RootKind root() const noexcept { return root_; }
  [[nodiscard]] base::UnixMillis leaf_not_before() const noexcept { return leaf_not_before_; }
  [[nodiscard]] base::UnixMillis leaf_not_after() const noexcept { return leaf_not_after_; }

 private:
  friend class ClaimsMaker;  // verify.cpp
  VerifiedClaims() = default;

  std::string module_id_;
  base::UnixMillis timestamp_;
  std::map<std::uint8_t, PcrValue> pcrs_;
  std::optional<base::Bytes> public_key_;
  std::optional<base::Bytes> user_data_;
  std::optional<base::Bytes> nonce_;
  bool debug_ = true;
  RootKind root_ = RootKind::custom;
  base::UnixMillis leaf_not_before_;
  base::UnixMillis leaf_not_after_;
};

}  // namespace concordat::attest
