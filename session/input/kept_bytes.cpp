#include "session/input/kept_bytes.hpp"

#include "attest/base/secret_access.hpp"

namespace concordat::session::input {

bool KeptBytes::append(base::BytesView part) {
  if (part.size() > most_ - used_) return false;
  if (part.empty()) return true;
  if (bytes_.empty()) bytes_ = base::SecretBytes::zeroed(most_);
  std::ranges::copy(part, bytes_.expose_mutable(base::SecretAccess{}).begin() + used_);
  used_ += part.size();
  return true;
}

base::BytesView KeptBytes::view() const noexcept {
  return bytes_.expose(base::SecretAccess{}).first(used_);
}

}  // namespace concordat::session::input
