#include "tests/keyservice/memory_shortage.hpp"

#include <dlfcn.h>
#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace concordat::test {
namespace {

thread_local int spared = 0;

// Counts down to the first failure; 0: none is to come.
std::atomic<std::int64_t> left[2];
std::atomic<bool> lasts{false};
std::atomic<std::size_t> largest{SIZE_MAX};
std::atomic<std::uint64_t> failed{0};

bool lacks(shortage::Of whose, std::size_t size) noexcept {
  if (spared != 0) return false;
  auto& count = left[static_cast<std::size_t>(whose)];
  bool fails = size > largest.load();
  if (!fails && count.load() > 0) {
    const std::int64_t now = --count;
    fails = now == 0;
    if (fails && lasts) count = 1;  // and the next one, too
  }
  if (fails) ++failed;
  return fails;
}

template <class Function>
Function next(const char* name) noexcept {
  return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

void* openssl_malloc(std::size_t size, const char*, int) {
  return lacks(shortage::Of::openssl, size) ? nullptr : std::malloc(size);
}
void* openssl_realloc(void* block, std::size_t size, const char*, int) {
  return lacks(shortage::Of::openssl, size) ? nullptr : std::realloc(block, size);
}
void openssl_free(void* block, const char*, int) {
  std::free(block);
}

// Before anything of OpenSSL allocates.
[[gnu::constructor]] void take_over_openssl() {
  if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1) std::abort();
}

}  // namespace

Spared::Spared() noexcept {
  ++spared;
}
Spared::~Spared() {
  --spared;
}

namespace shortage {

void fail(Of whose, std::uint64_t number, Lasting lasting) noexcept {
  lasts = lasting == Lasting::until;
  left[static_cast<std::size_t>(whose)] = static_cast<std::int64_t>(number);
}

void fail_larger_than(std::size_t size) noexcept {
  largest = size;
}

std::uint64_t relieve() noexcept {
  left[0] = left[1] = 0;
  largest = SIZE_MAX;
  return failed.exchange(0);
}

}  // namespace shortage
}  // namespace concordat::test

void* operator new(std::size_t size) {
  using namespace concordat::test;
  void* const block = lacks(shortage::Of::all_but_openssl, size) ? nullptr : std::malloc(size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
// A sanitizer brings its own of these, whose blocks the deletes below do not take.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  using namespace concordat::test;
  return lacks(shortage::Of::all_but_openssl, size) ? nullptr : std::malloc(size);
}
void* operator new[](std::size_t size, const std::nothrow_t& nothrow) noexcept {
  return operator new(size, nothrow);
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}
void operator delete[](void* block) noexcept {
  std::free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  std::free(block);
}

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): libraries' own
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
  using namespace concordat::test;
  static const auto really = next<void* (*)(std::size_t, std::size_t)>("aligned_alloc");
  return lacks(shortage::Of::all_but_openssl, size) ? nullptr : really(alignment, size);
}
extern "C" void* sodium_malloc(std::size_t size) {
  using namespace concordat::test;
  static const auto really = next<void* (*)(std::size_t)>("sodium_malloc");
  return lacks(shortage::Of::all_but_openssl, size) ? nullptr : really(size);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
