// Memory for one handler of Asio at a time, set aside before it is needed: what has to go on in any
// shortage (accepting, clocks, waiting to try again) waits with it.
//
//   timer.async_wait(with(memory_, handler));
#pragma once

#include <array>
#include <boost/asio/bind_allocator.hpp>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace concordat::peer {

class ReservedMemory {
 public:
  // Where it is taken already, or the handler is larger, the heap serves.
  [[nodiscard]] void* take(std::size_t size) {
    if (is_taken_ || size > block_.size()) return ::operator new(size);
    is_taken_ = true;
    return block_.data();
  }
  void give_back(void* block) noexcept {
    if (block != block_.data()) return ::operator delete(block);
    is_taken_ = false;
  }

 private:
  static constexpr std::size_t kSize = 512;  // handlers capture little
  alignas(std::max_align_t) std::array<std::byte, kSize> block_;
  bool is_taken_ = false;
};
// Shared with the handlers: one that was cancelled may outlive who waited.
using ReservedMemoryPtr = std::shared_ptr<ReservedMemory>;

template <class T>
class ReservedAllocator {
 public:
  using value_type = T;
  explicit ReservedAllocator(ReservedMemoryPtr memory) noexcept : memory_(std::move(memory)) {}
  template <class Other>
  ReservedAllocator(const ReservedAllocator<Other>& other) noexcept : memory_(other.memory()) {}
  [[nodiscard]] T* allocate(std::size_t count) {
    return static_cast<T*>(memory_->take(count * sizeof(T)));
  }
  void deallocate(T* block, std::size_t) noexcept { memory_->give_back(block); }
  [[nodiscard]] const ReservedMemoryPtr& memory() const noexcept { return memory_; }
  template <class Other>
  bool operator==(const ReservedAllocator<Other>& other) const noexcept {
    return memory_ == other.memory();
  }

 private:
  ReservedMemoryPtr memory_;
};

template <class Handler>
auto with(const ReservedMemoryPtr& memory, Handler handler) {
  return boost::asio::bind_allocator(ReservedAllocator<void*>(memory), std::move(handler));
}

}  // namespace concordat::peer
