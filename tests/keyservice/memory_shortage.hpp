// Want of memory on demand, for the whole program that is linked with memory_shortage.cpp: operator
// new, aligned_alloc (Asio's), sodium_malloc (secrets') and OpenSSL's allocations fail by number.
// Threads, and parts of them, that stand for what is another machine or process are spared.
#pragma once

#include <cstddef>
#include <cstdint>

namespace concordat::test {

// On this thread nothing fails while it lives.
class Spared {
 public:
  Spared() noexcept;
  ~Spared();
  Spared(const Spared&) = delete;
  Spared& operator=(const Spared&) = delete;
};

namespace shortage {

enum class Lasting {
  one,    // this allocation alone
  until,  // this one and all after it, until relieved
};
// OpenSSL has its own count, because it makes ten allocations where others make one.
enum class Of { all_but_openssl, openssl };

// The allocation of this number from now, from 1.
void fail(Of whose, std::uint64_t number, Lasting lasting) noexcept;
// All that are larger, of everybody, until relieved.
void fail_larger_than(std::size_t size) noexcept;
// Ends it; how many failed.
std::uint64_t relieve() noexcept;

}  // namespace shortage
}  // namespace concordat::test
