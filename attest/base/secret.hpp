// Secret bytes: guarded, locked, wiped memory. Move-only, unprintable, compared in constant time.
//
// Memory comes in slabs of 64 KiB from sodium_malloc (guard pages, canary, mlock, no core dump)
// that hold many secrets each: one sodium_malloc a secret takes four mappings and reaches the
// kernel's default limit of 65,530 mappings at about 16,000 secrets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "attest/base/bytes.hpp"

namespace concordat::base {

class SecretAccess;  // attest/base/secret_access.hpp: whoever includes it can read secrets

// What the process's secret memory looks like; health reports it.
struct SecretMemoryStatus {
  std::size_t slabs = 0;
  std::size_t bytes_in_use = 0;
  std::size_t unlocked_slabs = 0;  // slabs that mlock refused: their bytes could reach swap
};
[[nodiscard]] SecretMemoryStatus secret_memory_status() noexcept;

// n secret bytes, n fixed at creation. Thread-safe to create and destroy; one object is not shared
// between threads without the caller's own order. Throws std::bad_alloc when memory is exhausted.
class SecretBytes {
 public:
  SecretBytes() noexcept = default;  // empty
  [[nodiscard]] static SecretBytes zeroed(std::size_t size);
  // Fresh random bytes from the system's generator.
  [[nodiscard]] static SecretBytes random(std::size_t size);
  // Copies `source` and wipes it: for bytes that a library handed out in plain memory.
  [[nodiscard]] static SecretBytes take(std::span<std::uint8_t> source);

  SecretBytes(SecretBytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes() { wipe(); }

  [[nodiscard]] SecretBytes clone() const;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  // Zeroes and releases; the object is empty afterwards.
  void wipe() noexcept;

  [[nodiscard]] BytesView expose(SecretAccess) const noexcept;
  [[nodiscard]] std::span<std::uint8_t> expose_mutable(SecretAccess) noexcept;

  // Constant time in the contents; sizes are public.
  friend bool operator==(const SecretBytes& a, const SecretBytes& b) noexcept {
    return equal_constant_time({a.data_, a.size_}, {b.data_, b.size_});
  }

 private:
  SecretBytes(std::uint8_t* data, std::size_t size) noexcept : data_(data), size_(size) {}
  std::uint8_t* data_ = nullptr;
  std::size_t size_ = 0;
};

// Once, first thing in main: no core dumps, not traceable by other processes of the same user, and
// libsodium ready. Fails when the kernel refuses.
[[nodiscard]] Status harden_process();

enum class ProcessErrc { hardening_failed = 1 };
[[nodiscard]] CodeInfo describe(ProcessErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(ProcessErrc) {
  return "process";
}
[[nodiscard]] inline boost::system::error_code make_error_code(ProcessErrc e) {
  return enum_code(e);
}

}  // namespace concordat::base
