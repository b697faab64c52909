// What a journal is folded into: the state that its entries, one after the other, make.
#pragma once

#include <cstdint>
#include <vector>

#include "attest/base/secret.hpp"

namespace concordat::keyservice::journal {

// The root generations under which an entry and the one before it are sealed.
struct SealedUnder {
  std::uint32_t generation = 0;
  std::uint32_t before = 0;  // 0: it is the first entry
};

class Fold {
 public:
  virtual ~Fold() = default;

  // One entry in its order. Unchanged by what it refuses, and by std::bad_alloc.
  [[nodiscard]] virtual base::Status apply(const base::SecretBytes& content,
                                           const SealedUnder& sealed) = 0;

  // The state in pieces of 1 to kMaxContent bytes; one at least.
  [[nodiscard]] virtual std::vector<base::SecretBytes> save() const = 0;

  // Such pieces, in order, are made into a state beside the live one, which commit_load replaces.
  virtual void begin_load() = 0;
  [[nodiscard]] virtual base::Status load(const base::SecretBytes& piece) = 0;
  [[nodiscard]] virtual base::Status commit_load() = 0;
  // To the state before the first entry.
  virtual void clear() noexcept = 0;
};

}  // namespace concordat::keyservice::journal
