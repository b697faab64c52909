#include "attest/base/secret.hpp"

#include <sodium.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <array>
#include <bit>
#include <cerrno>
#include <mutex>
#include <new>
#include <vector>

#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

constexpr std::size_t kSlabSize = 64 * 1024;
constexpr std::size_t kSmallestBlock = 32;
// Blocks of 32, 64, ... 64 KiB; larger secrets get a slab of their own.
constexpr std::size_t kClasses = std::countr_zero(kSlabSize / kSmallestBlock) + 1;

std::size_t class_of(std::size_t size) noexcept {
  return std::countr_zero(std::bit_ceil(std::max(size, kSmallestBlock)) / kSmallestBlock);
}

// Memory allocator of the process, like malloc's own state: the one object that is not handed in.
// Freed blocks are zero and go back to their class; a slab, once made, stays until exit, so that a
// secret's address never returns to the ordinary heap.
class Arena {
 public:
  std::uint8_t* allocate(std::size_t size) {
    const std::lock_guard lock(mutex_);
    const std::size_t index = class_of(size);
    if (index >= kClasses) {
      status_.bytes_in_use += size;
      return new_slab(size);
    }
    auto& free = free_[index];
    if (free.empty()) split_slab(index);
    std::uint8_t* block = free.back();
    free.pop_back();
    status_.bytes_in_use += size;
    return block;
  }

  void release(std::uint8_t* block, std::size_t size) noexcept {
    sodium_memzero(block, size);
    const std::lock_guard lock(mutex_);
    status_.bytes_in_use -= size;
    if (const std::size_t index = class_of(size); index < kClasses) {
      free_[index].push_back(block);  // never reallocates: split_slab reserved for every block
    } else {
      sodium_free(block);
      --status_.slabs;
    }
  }

  SecretMemoryStatus status() noexcept {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  std::uint8_t* new_slab(std::size_t size) {
    if (sodium_init() < 0) throw std::bad_alloc();
    auto* slab = static_cast<std::uint8_t*>(sodium_malloc(size));
    if (slab == nullptr) throw std::bad_alloc();
    // sodium_malloc locks but keeps quiet when the kernel refuses: ask again to know.
    if (sodium_mlock(slab, size) != 0) ++status_.unlocked_slabs;
    sodium_memzero(slab, size);
    ++status_.slabs;
    return slab;
  }

  void split_slab(std::size_t index) {
    const std::size_t block = kSmallestBlock << index;
    const std::size_t count = kSlabSize / block;
    auto& free = free_[index];
    blocks_[index] += count;
    free.reserve(blocks_[index]);
    std::uint8_t* slab = new_slab(kSlabSize);
    for (std::size_t i = count; i-- > 0;)
      free.push_back(slab + i * block);
  }

  std::mutex mutex_;
  std::array<std::vector<std::uint8_t*>, kClasses> free_;
  std::array<std::size_t, kClasses> blocks_{};
  SecretMemoryStatus status_;
};

Arena& arena() noexcept {
  static Arena* instance = new Arena;  // outlives every static SecretBytes
  return *instance;
}

}  // namespace

SecretMemoryStatus secret_memory_status() noexcept {
  return arena().status();
}

SecretBytes SecretBytes::zeroed(std::size_t size) {
  if (size == 0) return {};
  return {arena().allocate(size), size};
}

SecretBytes SecretBytes::random(std::size_t size) {
  SecretBytes out = zeroed(size);
  if (size != 0) randombytes_buf(out.data_, out.size_);
  return out;
}

SecretBytes SecretBytes::take(std::span<std::uint8_t> source) {
  SecretBytes out = zeroed(source.size());
  if (!source.empty()) {
    std::memcpy(out.data_, source.data(), source.size());
    sodium_memzero(source.data(), source.size());
  }
  return out;
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    wipe();
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  return *this;
}

SecretBytes SecretBytes::clone() const {
  SecretBytes out = zeroed(size_);
  if (size_ != 0) std::memcpy(out.data_, data_, size_);
  return out;
}

void SecretBytes::wipe() noexcept {
  if (data_ != nullptr) arena().release(std::exchange(data_, nullptr), std::exchange(size_, 0));
}

BytesView SecretBytes::expose(SecretAccess) const noexcept {
  return {data_, size_};
}
std::span<std::uint8_t> SecretBytes::expose_mutable(SecretAccess) noexcept {
  return {data_, size_};
}

CodeInfo describe(ProcessErrc code) noexcept {
  switch (code) {
    case ProcessErrc::hardening_failed:
      return {"hardening_failed", "the process could not be hardened"};
  }
  return {"unknown", "unknown process error"};
}

Status harden_process() {
  if (sodium_init() < 0) return Error(ProcessErrc::hardening_failed, "libsodium did not start");
  const rlimit none{0, 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) {
    return Error(ProcessErrc::hardening_failed, std::string("RLIMIT_CORE: ") + strerror(errno));
  }
  if (prctl(PR_SET_DUMPABLE, 0) != 0) {
    return Error(ProcessErrc::hardening_failed, std::string("PR_SET_DUMPABLE: ") + strerror(errno));
  }
  return {};
}

}  // namespace concordat::base
