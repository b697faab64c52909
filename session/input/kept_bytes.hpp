// The beginning of something whose end is in a piece that has not come yet: bytes in guarded
// memory, of a bounded number.
#pragma once

#include "attest/base/secret.hpp"

namespace concordat::session::input {

class KeptBytes {
 public:
  explicit KeptBytes(std::size_t most) : most_(most) {}

  // False, and nothing is kept, where it would be more than the most.
  [[nodiscard]] bool append(base::BytesView part);
  [[nodiscard]] bool empty() const noexcept { return used_ == 0; }
  // Valid until something is appended.
  [[nodiscard]] base::BytesView view() const noexcept;
  void clear() noexcept { used_ = 0; }

 private:
  std::size_t most_;
  base::SecretBytes bytes_;  // made when it is needed
  std::size_t used_ = 0;
};

}  // namespace concordat::session::input
