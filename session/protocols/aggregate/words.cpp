#include "session/protocols/aggregate/words.hpp"

#include <bit>

#include "attest/base/secret_access.hpp"

namespace concordat::session::aggregate {
namespace {

static_assert(std::endian::native == std::endian::little);
static_assert(sizeof(Word) == kWordSize);

// Guarded memory is not always aligned for words.
Word load(const std::uint8_t* from) noexcept {
  Word out = 0;
  std::memcpy(&out, from, kWordSize);
  return out;
}
void store(Word number, std::uint8_t* to) noexcept {
  std::memcpy(to, &number, kWordSize);
}

template <class Combine>
void combine(base::SecretBytes& bytes, const base::SecretBytes& others, Combine two) noexcept {
  const auto to = bytes.expose_mutable(base::SecretAccess{});
  const auto from = others.expose(base::SecretAccess{});
  for (std::size_t at = 0; at < to.size(); at += kWordSize)
    store(two(load(&to[at]), load(&from[at])), &to[at]);
}

}  // namespace

Words Words::zeroed(std::size_t count) {
  return Words(base::SecretBytes::zeroed(count * kWordSize));
}

Words Words::random(std::size_t count) {
  return Words(base::SecretBytes::random(count * kWordSize));
}

Words Words::first_of(const base::SecretBytes& bytes, std::size_t count) {
  Words out = zeroed(count);
  std::ranges::copy(bytes.expose(base::SecretAccess{}).first(count * kWordSize),
                    out.bytes_.expose_mutable(base::SecretAccess{}).begin());
  return out;
}

void Words::add(std::size_t index, Word number) noexcept {
  std::uint8_t* at = &bytes_.expose_mutable(base::SecretAccess{})[index * kWordSize];
  store(load(at) + number, at);
}

std::uint32_t Words::count_at(std::size_t index) const noexcept {
  return static_cast<std::uint32_t>(load(&bytes_.expose(base::SecretAccess{})[index * kWordSize]));
}

Words& Words::operator+=(const Words& other) noexcept {
  combine(bytes_, other.bytes_, [](Word a, Word b) { return a + b; });
  return *this;
}

Words& Words::operator-=(const Words& other) noexcept {
  combine(bytes_, other.bytes_, [](Word a, Word b) { return a - b; });
  return *this;
}

base::SecretBytes Words::letter(std::size_t more) const {
  base::SecretBytes out = base::SecretBytes::zeroed(bytes_.size() + more);
  std::ranges::copy(bytes_.expose(base::SecretAccess{}),
                    out.expose_mutable(base::SecretAccess{}).begin());
  return out;
}

void Words::publish(std::size_t first, std::size_t count, base::Bytes& to) const {
  base::append(to,
               bytes_.expose(base::SecretAccess{}).subspan(first * kWordSize, count * kWordSize));
}

Word word_at(base::BytesView published, std::size_t index) noexcept {
  return load(&published[index * kWordSize]);
}

}  // namespace concordat::session::aggregate
