// Numbers modulo 2^128 in guarded memory, little-endian: tallies and additive shares of them.
#pragma once

#include "attest/base/secret.hpp"

namespace concordat::session::aggregate {

__extension__ using Word = unsigned __int128;
__extension__ using SignedWord = __int128;  // a word as two's complement
inline constexpr std::size_t kWordSize = 16;

class Words {
 public:
  [[nodiscard]] static Words zeroed(std::size_t count);
  // Uniform and independent: a share.
  [[nodiscard]] static Words random(std::size_t count);
  // The first `count` words of `bytes`, which has as many at least.
  [[nodiscard]] static Words first_of(const base::SecretBytes& bytes, std::size_t count);

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size() / kWordSize; }
  void add(std::size_t index, Word number) noexcept;
  // A number of rows, which 32 bits hold.
  [[nodiscard]] std::uint32_t count_at(std::size_t index) const noexcept;
  // Of the same size.
  Words& operator+=(const Words& other) noexcept;
  Words& operator-=(const Words& other) noexcept;

  // A letter: the words, and behind them room for `more` bytes.
  [[nodiscard]] base::SecretBytes letter(std::size_t more) const;
  // For everybody: `count` words from `first` on, behind what is there.
  void publish(std::size_t first, std::size_t count, base::Bytes& to) const;

 private:
  explicit Words(base::SecretBytes bytes) noexcept : bytes_(std::move(bytes)) {}

  base::SecretBytes bytes_;
};

// Word `index` of what was published.
[[nodiscard]] Word word_at(base::BytesView published, std::size_t index) noexcept;

}  // namespace concordat::session::aggregate
