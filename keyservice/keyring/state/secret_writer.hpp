// CBOR that holds secrets, put together in guarded memory: public parts come from a cbor::Writer,
// secret ones straight from where they are.
#pragma once

#include "attest/base/secret.hpp"

namespace concordat::keyservice {

class SecretWriter {
 public:
  explicit SecretWriter(std::size_t capacity) : out_(base::SecretBytes::zeroed(capacity)) {}

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t room() const noexcept { return out_.size() - size_; }
  // No more than there is room for.
  SecretWriter& add(base::BytesView part);
  SecretWriter& add(const base::SecretBytes& part);
  // What was written; begins anew.
  [[nodiscard]] base::SecretBytes take();

 private:
  base::SecretBytes out_;
  std::size_t size_ = 0;
};

}  // namespace concordat::keyservice
