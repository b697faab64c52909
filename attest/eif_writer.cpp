#include "attest/eif.hpp"
#include "attest/eif_checks.hpp"
#include "attest/eif_layout.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace layout = eif_layout;

// What nitro-cli writes; run-enclave's options override both.
constexpr std::uint64_t kDefaultMemory = std::uint64_t{1} << 30;
constexpr std::uint64_t kDefaultCpus = 2;

struct Part {
  EifSectionType type;
  BytesView data;
};

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Status check_parts(const EifParts& parts) {
  CONCORDAT_CHECK(check_eif_metadata(base::as_bytes(parts.metadata)));
  if (parts.metadata.size() > kEifMaxMetadata || parts.signature.size() > kEifMaxSignature) {
    return Error(EifErrc::section_too_large, "metadata or signature");
  }
  if (parts.ramdisks.empty()) return Error(EifErrc::missing_section, "ramdisk");
  const std::size_t others = parts.signature.empty() ? 3 : 4;  // kernel, cmdline, metadata, ...
  if (parts.ramdisks.size() > kEifMaxSections - others) {
    return Error(EifErrc::bad_section_table, std::to_string(parts.ramdisks.size()) +
                                                 " ramdisks, at most " +
                                                 std::to_string(kEifMaxSections - others) + " fit");
  }
  return {};
}

std::vector<Part> in_order(const EifParts& parts) {
  std::vector<Part> order{{EifSectionType::kernel, parts.kernel},
                          {EifSectionType::cmdline, base::as_bytes(trimmed(parts.cmdline))},
                          {EifSectionType::metadata, base::as_bytes(parts.metadata)}};
  for (const BytesView ramdisk : parts.ramdisks)
    order.push_back({EifSectionType::ramdisk, ramdisk});
  if (!parts.signature.empty()) order.push_back({EifSectionType::signature, parts.signature});
  return order;
}

void append_section(Bytes& image, std::size_t index, const Part& part) {
  layout::put(image, layout::kSectionOffsets + 8 * index, std::uint64_t{image.size()});
  layout::put(image, layout::kSectionSizes + 8 * index, std::uint64_t{part.data.size()});
  std::array<std::uint8_t, layout::kSectionHeaderSize> header{};
  layout::put(header, layout::kSectionType, static_cast<std::uint16_t>(part.type));
  layout::put(header, layout::kSectionSize, std::uint64_t{part.data.size()});
  base::append(image, header);
  base::append(image, part.data);
}

}  // namespace

Result<Bytes> write_eif(const EifParts& parts) {
  CONCORDAT_CHECK(check_parts(parts));
  const std::vector<Part> order = in_order(parts);
  Bytes image(layout::kHeaderSize);
  std::ranges::copy(layout::kMagic, image.begin());
  layout::put(image, layout::kVersion, kEifVersion);
  layout::put(image, layout::kFlags, parts.is_aarch64 ? layout::kFlagAarch64 : std::uint16_t{0});
  layout::put(image, layout::kDefaultMemory, kDefaultMemory);
  layout::put(image, layout::kDefaultCpus, kDefaultCpus);
  layout::put(image, layout::kSectionCount, static_cast<std::uint16_t>(order.size()));
  for (std::size_t i = 0; i < order.size(); ++i)
    append_section(image, i, order[i]);
  layout::Crc crc;
  crc.process_bytes(image.data(), layout::kCrc);
  crc.process_bytes(image.data() + layout::kHeaderSize, image.size() - layout::kHeaderSize);
  layout::put(image, layout::kCrc, static_cast<std::uint32_t>(crc.checksum()));
  return image;
}

}  // namespace concordat::attest
