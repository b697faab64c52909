#include "session/protocols/aggregate/size_test.hpp"

#include <sodium.h>

#include "attest/base/secret_access.hpp"
#include "session/protocols/aggregate/errc.hpp"

namespace concordat::session::aggregate {
namespace {

using base::sharing::kElementSize;
using base::sharing::kScalarSize;
using base::sharing::plus;
using base::sharing::times;
using base::sharing::times_base;

// Of honest parties' random numbers none ends here: as likely as guessing a key.
base::Error identity() {
  return {Errc::not_canonical, "an element came out as the identity"};
}

base::Result<Element> found(std::optional<Element> element) {
  if (!element) return identity();
  return *element;
}

Element element_at(base::BytesView bytes, std::size_t index) {
  return Element::from(bytes.subspan(index * kElementSize, kElementSize)).value();
}

Ciphertext ciphertext_at(base::BytesView bytes, std::size_t index) {
  return {element_at(bytes, 2 * index), element_at(bytes, 2 * index + 1)};
}

void append(base::Bytes& to, const Ciphertext& ciphertext) {
  base::append(to, ciphertext.mask.view());
  base::append(to, ciphertext.message.view());
}

// a - b, the identity included.
Element minus(const Element& a, const Element& b) {
  Element out;
  crypto_core_ristretto255_sub(out.mutable_view().data(), a.view().data(), b.view().data());
  return out;
}

// a B + b P of whatever a and b.
base::Result<Element> sum_of(const std::optional<Element>& a, const std::optional<Element>& b) {
  if (!a) return found(b);
  if (!b) return *a;
  return found(plus<Group>(*a, *b));
}

base::Result<Scalar> scalar_at(const base::SecretBytes& letter, std::size_t at) {
  base::SecretBytes bytes = base::SecretBytes::zeroed(kScalarSize);
  std::ranges::copy(letter.expose(base::SecretAccess{}).subspan(at, kScalarSize),
                    bytes.expose_mutable(base::SecretAccess{}).begin());
  return Scalar::from_bytes(std::move(bytes));
}

}  // namespace

base::Status check_size_shares(const base::SecretBytes& letter, std::size_t at,
                               std::size_t groups) {
  for (std::size_t i = 0; i < groups; ++i) {
    if (!scalar_at(letter, at + i * kScalarSize))
      return base::Error(Errc::not_canonical, "share of group " + std::to_string(i));
  }
  return {};
}

base::Status check_elements(base::BytesView bytes, std::size_t count) {
  if (bytes.size() != count * kElementSize) {
    return base::Error(Errc::wrong_size, std::to_string(bytes.size()) + " bytes, want " +
                                             std::to_string(count * kElementSize));
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (!base::sharing::is_element<Group>(element_at(bytes, i)))
      return base::Error(Errc::not_canonical, "element " + std::to_string(i));
  }
  return {};
}

void SizeTest::deal(base::SecretBytes& letter, std::size_t at) {
  for (Scalar& share : shares_) {
    const Scalar dealt = Scalar::random();
    share -= dealt;
    std::ranges::copy(dealt.bytes().expose(base::SecretAccess{}),
                      letter.expose_mutable(base::SecretAccess{}).begin() + at);
    at += kScalarSize;
  }
}

base::Status SizeTest::add(const base::SecretBytes& letter, std::size_t at) {
  for (Scalar& share : shares_) {
    CONCORDAT_TRY(const Scalar dealt, scalar_at(letter, at));
    share += dealt;
    at += kScalarSize;
  }
  return {};
}

base::Bytes SizeTest::key_share() const {
  return base::to_bytes(times_base<Group>(secret_).value().view());  // it is not zero
}

base::Status SizeTest::set_key(const std::vector<base::BytesView>& shares) {
  std::optional<Element> key;
  for (const base::BytesView share : shares) {
    CONCORDAT_TRY(key, sum_of(key, element_at(share, 0)));
  }
  CONCORDAT_TRY(key_, found(key));
  return {};
}

base::Result<base::Bytes> SizeTest::encrypted() const {
  base::Bytes out;
  for (const Scalar& share : shares_) {
    const Scalar blind = Scalar::random();
    Ciphertext ciphertext;
    CONCORDAT_TRY(ciphertext.mask, found(times_base<Group>(blind)));
    CONCORDAT_TRY(ciphertext.message, sum_of(times_base<Group>(share), times<Group>(key_, blind)));
    append(out, ciphertext);
  }
  return out;
}

base::Status SizeTest::begin(const std::vector<base::BytesView>& encrypted) {
  const Element one = times_base<Group>(Scalar::from_number(1)).value();
  list_.clear();
  for (std::size_t group = 0; group < groups_; ++group) {
    Ciphertext sum = ciphertext_at(encrypted.front(), group);
    for (std::size_t j = 1; j < encrypted.size(); ++j) {
      const Ciphertext more = ciphertext_at(encrypted[j], group);
      CONCORDAT_TRY(sum.mask, found(plus<Group>(sum.mask, more.mask)));
      CONCORDAT_TRY(sum.message, found(plus<Group>(sum.message, more.message)));
    }
    for (std::size_t v = 0; v < smallest_; ++v) {
      list_.push_back(sum);
      sum.message = minus(sum.message, one);
      if (sum.message.is_zero()) return identity();
    }
  }
  return {};
}

base::Result<base::Bytes> SizeTest::mixed() const {
  base::Bytes out;
  std::vector<Ciphertext> group;
  for (const Ciphertext& before : list_) {
    const Scalar factor = Scalar::random();
    const Scalar blind = Scalar::random();
    Ciphertext after;
    CONCORDAT_TRY(after.mask, sum_of(times<Group>(before.mask, factor), times_base<Group>(blind)));
    CONCORDAT_TRY(after.message,
                  sum_of(times<Group>(before.message, factor), times<Group>(key_, blind)));
    group.push_back(after);
    if (group.size() < smallest_) continue;
    std::ranges::sort(group);
    for (const Ciphertext& ciphertext : group)
      append(out, ciphertext);
    group.clear();
  }
  return out;
}

base::Status SizeTest::set_list(base::BytesView list) {
  CONCORDAT_CHECK(check_elements(list, list_elements()));
  for (std::size_t i = 0; i < list_.size(); ++i)
    list_[i] = ciphertext_at(list, i);
  return {};
}

base::Result<base::Bytes> SizeTest::decryption_share() const {
  base::Bytes out;
  for (const Ciphertext& ciphertext : list_) {
    CONCORDAT_TRY(const Element share, found(times<Group>(ciphertext.mask, secret_)));
    base::append(out, share.view());
  }
  return out;
}

base::Result<std::vector<bool>> SizeTest::large_enough(
    const std::vector<base::BytesView>& shares) const {
  std::vector<bool> out(groups_, true);
  for (std::size_t i = 0; i < list_.size(); ++i) {
    Element message = list_[i].message;
    for (const base::BytesView share : shares)
      message = minus(message, element_at(share, i));
    if (message.is_zero()) out[i / smallest_] = false;
  }
  return out;
}

}  // namespace concordat::session::aggregate
