#include "keyservice/keyring/der_reader.hpp"

#include <openssl/asn1.h>
#include <openssl/err.h>

namespace concordat::keyservice {

std::optional<base::BytesView> DerReader::read(DerTag tag) {
  if (!is_at(tag)) return std::nullopt;
  const unsigned char* at = rest_.data();
  long size = 0;
  int number = 0;
  int number_class = 0;
  const int form =
      ASN1_get_object(&at, &size, &number, &number_class, static_cast<long>(rest_.size()));
  constexpr int kFailed = 0x80;
  constexpr int kIndefinite = 0x01;
  if ((form & (kFailed | kIndefinite)) != 0) {
    ERR_clear_error();
    return std::nullopt;
  }
  const auto head = static_cast<std::size_t>(at - rest_.data());
  const auto content = static_cast<std::size_t>(size);
  // BER allows longer heads.
  const int shortest = ASN1_object_size(form & V_ASN1_CONSTRUCTED, static_cast<int>(size), number);
  if (static_cast<std::size_t>(shortest) != head + content) return std::nullopt;
  const base::BytesView out = rest_.subspan(head, content);
  rest_ = rest_.subspan(head + content);
  return out;
}

}  // namespace concordat::keyservice
