// A place that is taken while somebody has it: counted, and given back whatever becomes of them.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace concordat::base {

// Of one thread.
class Slot {
 public:
  explicit Slot(std::shared_ptr<std::size_t> taken) : taken_(std::move(taken)) { ++*taken_; }
  ~Slot() { free(); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;
  void free() {
    if (const auto taken = std::exchange(taken_, nullptr)) --*taken;
  }

 private:
  std::shared_ptr<std::size_t> taken_;
};

}  // namespace concordat::base
