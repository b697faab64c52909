#include "keyservice/keyring/state/secret_writer.hpp"

#include <stdexcept>

#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {

using base::SecretAccess;

SecretWriter& SecretWriter::add(base::BytesView part) {
  if (part.size() > room()) throw std::length_error("SecretWriter: no room");
  std::ranges::copy(part, out_.expose_mutable(SecretAccess{}).subspan(size_).begin());
  size_ += part.size();
  return *this;
}

SecretWriter& SecretWriter::add(const base::SecretBytes& part) {
  return add(part.expose(SecretAccess{}));
}

base::SecretBytes SecretWriter::take() {
  const auto written = out_.expose_mutable(SecretAccess{}).first(size_);
  size_ = 0;
  return base::SecretBytes::take(written);
}

}  // namespace concordat::keyservice
