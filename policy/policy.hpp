// A policy that its authority signed. Immutable and shared: a handshake keeps the one it began
// with. Only SignedPolicy::verify (signed_policy.hpp) makes one.
#pragma once

#include <chrono>
#include <memory>

#include "policy/model.hpp"

namespace concordat::policy {

class Policy {
 public:
  Policy(const Policy&) = delete;
  Policy& operator=(const Policy&) = delete;

  [[nodiscard]] const Model& model() const noexcept { return model_; }
  [[nodiscard]] const std::string& realm() const noexcept { return model_.realm; }
  [[nodiscard]] std::uint64_t serial() const noexcept { return model_.serial; }
  // SHA-256 of the signed payload, byte by byte as signed.
  [[nodiscard]] const PolicyDigest& digest() const noexcept { return digest_; }
  // The signed envelope as it arrived, to hand to others.
  [[nodiscard]] const base::Bytes& envelope() const noexcept { return envelope_; }
  // Digest of the authority descriptor that this policy is for.
  [[nodiscard]] const attest::AuthorityDigest& authority() const noexcept {
    return model_.authority;
  }
  [[nodiscard]] base::UnixMillis valid_from() const noexcept { return model_.valid_from; }
  [[nodiscard]] base::UnixMillis valid_until() const noexcept { return model_.valid_until; }
  // not_yet_valid or expired; valid in [valid_from, valid_until).
  [[nodiscard]] base::Status valid_at(base::UnixMillis now) const;
  [[nodiscard]] std::chrono::milliseconds document_max_age() const noexcept {
    return std::chrono::seconds(model_.document_max_age_seconds);
  }
  [[nodiscard]] const ChannelLife& channel_life() const noexcept { return model_.channel_life; }
  [[nodiscard]] std::uint16_t minimum_protocol_version() const noexcept {
    return model_.minimum_protocol_version;
  }

 private:
  friend class SignedPolicy;
  Policy(Model model, const PolicyDigest& digest, base::Bytes envelope)
      : model_(std::move(model)), digest_(digest), envelope_(std::move(envelope)) {}

  Model model_;
  PolicyDigest digest_;
  base::Bytes envelope_;
};

using PolicyPtr = std::shared_ptr<const Policy>;

}  // namespace concordat::policy
