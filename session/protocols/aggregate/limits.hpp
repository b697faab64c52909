// Every number of the protocol, each with its reason.
#pragma once

#include <cstddef>
#include <cstdint>

#include "session/limits.hpp"

namespace concordat::session::aggregate {

// Of a descriptor: far more than sessions have; counts of all parties stay below 2^53, which every
// reader of JSON keeps exactly.
inline constexpr std::size_t kMostParties = 256;
inline constexpr std::uint64_t kMostRows = 1'000'000'000;  // below 2^32
// What the parameters' JSON may take: a thousand groups with names of ten letters.
inline constexpr std::size_t kMaxParameters = limits::kParameterBytes;
inline constexpr std::size_t kMostResults = 16;
inline constexpr std::size_t kMostNumbers = 64;  // columns of numbers
inline constexpr std::size_t kLongestName = 256;
// Numbers that are shared: a letter has 16 bytes for each, 1 MiB.
inline constexpr std::size_t kMostWords = 65'536;
// Of means and variances.
inline constexpr unsigned kMostDigits = 30;

// Groups times the smallest size of one: ciphertexts of the test of sizes. Each party's turn takes
// it four scalar multiplications for each, some two seconds for the most, and its broadcast 64
// bytes for each: 512 KiB.
inline constexpr std::uint64_t kMostCiphertexts = 8192;

}  // namespace concordat::session::aggregate
