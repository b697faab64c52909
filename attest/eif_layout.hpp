// Offsets of an EIF's big-endian fields, for its reader and its writer.
#pragma once

#include <array>
#include <boost/crc.hpp>

#include "attest/base/bytes.hpp"

namespace concordat::attest::eif_layout {

inline constexpr std::array<std::uint8_t, 4> kMagic{'.', 'e', 'i', 'f'};
inline constexpr std::size_t kHeaderSize = 548;
inline constexpr std::size_t kVersion = 4;
inline constexpr std::size_t kFlags = 6;
inline constexpr std::size_t kDefaultMemory = 8;
inline constexpr std::size_t kDefaultCpus = 16;
inline constexpr std::size_t kSectionCount = 26;
inline constexpr std::size_t kSectionOffsets = 0x1c;  // of section headers
inline constexpr std::size_t kSectionSizes = 0x11c;   // of section data
inline constexpr std::size_t kCrc = 0x220;

inline constexpr std::size_t kSectionHeaderSize = 12;
inline constexpr std::size_t kSectionType = 0;
inline constexpr std::size_t kSectionFlags = 2;
inline constexpr std::size_t kSectionSize = 4;

inline constexpr std::uint16_t kFlagAarch64 = 1;

// CRC-32/ISO-HDLC over the header without its last field, then each section's header and data.
using Crc = boost::crc_32_type;

template <class Integer>
[[nodiscard]] Integer get(base::BytesView bytes, std::size_t at) {
  Integer value = 0;
  for (const std::uint8_t byte : bytes.subspan(at, sizeof(Integer))) {
    value = static_cast<Integer>(static_cast<std::uint64_t>(value) << 8 | byte);
  }
  return value;
}

template <class Integer>
void put(std::span<std::uint8_t> bytes, std::size_t at, Integer value) {
  for (std::size_t i = sizeof(Integer); i-- > 0;) {
    bytes[at + i] = static_cast<std::uint8_t>(value);
    value = static_cast<Integer>(static_cast<std::uint64_t>(value) >> 8);
  }
}

}  // namespace concordat::attest::eif_layout
