#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
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

constexpr std::size_t kChunk = std::size_t{256} << 10;

using Header = std::array<std::uint8_t, layout::kHeaderSize>;

struct Table {
  std::vector<EifSection> sections;
  std::vector<std::array<std::uint8_t, layout::kSectionHeaderSize>> headers;  // as in the file
};

std::string section_name(std::size_t index) {
  return "section " + std::to_string(index);
}

std::string_view name_of(EifSectionType type) noexcept {
  switch (type) {
    case EifSectionType::kernel:
      return "kernel";
    case EifSectionType::cmdline:
      return "cmdline";
    case EifSectionType::ramdisk:
      return "ramdisk";
    case EifSectionType::signature:
      return "signature";
    case EifSectionType::metadata:
      return "metadata";
  }
  return "unknown";
}

Result<Header> read_header(EifSource& source) {
  Header header{};
  const auto available =
      static_cast<std::size_t>(std::min<std::uint64_t>(source.size(), layout::kHeaderSize));
  CONCORDAT_CHECK(source.read(0, std::span(header).first(available)));
  const std::size_t magic = std::min(available, layout::kMagic.size());
  if (available == 0 || !std::equal(header.begin(), header.begin() + static_cast<int>(magic),
                                    layout::kMagic.begin())) {
    return Error(EifErrc::bad_magic, available == 0 ? "the file is empty" : "");
  }
  if (available < layout::kHeaderSize) {
    return Error(EifErrc::truncated,
                 "the header has 548 bytes, the file " + std::to_string(available));
  }
  const auto version = layout::get<std::uint16_t>(header, layout::kVersion);
  // What a later version measures is not known.
  if (version != kEifVersion) {
    return Error(EifErrc::unsupported_version,
                 "version " + std::to_string(version) + ", want " + std::to_string(kEifVersion));
  }
  return header;
}

// Section `index`, whose header must lie at `expected`; the data's bounds are checked.
Status read_section(EifSource& source, const Header& header, std::size_t index,
                    std::uint64_t expected, Table& table) {
  const auto offset = layout::get<std::uint64_t>(header, layout::kSectionOffsets + 8 * index);
  const auto size = layout::get<std::uint64_t>(header, layout::kSectionSizes + 8 * index);
  if (offset != expected) {
    return Error(EifErrc::bad_section_table, section_name(index) + " at " + std::to_string(offset) +
                                                 ", want " + std::to_string(expected));
  }
  const std::uint64_t left = source.size() - offset;  // expected never passes the end
  if (left < layout::kSectionHeaderSize || left - layout::kSectionHeaderSize < size) {
    return Error(EifErrc::truncated, section_name(index) + " wants " + std::to_string(size) +
                                         " bytes, the file ends after " + std::to_string(left));
  }
  auto& bytes = table.headers.emplace_back();
  CONCORDAT_CHECK(source.read(offset, bytes));
  const auto type = layout::get<std::uint16_t>(bytes, layout::kSectionType);
  if (type < 1 || type > 5) {
    return Error(EifErrc::bad_section_type,
                 section_name(index) + " has type " + std::to_string(type));
  }
  if (layout::get<std::uint64_t>(bytes, layout::kSectionSize) != size) {
    return Error(EifErrc::bad_section_table,
                 section_name(index) + ": its header and the file's header name different sizes");
  }
  table.sections.push_back({static_cast<EifSectionType>(type),
                            layout::get<std::uint16_t>(bytes, layout::kSectionFlags),
                            offset + layout::kSectionHeaderSize, size});
  return {};
}

Result<Table> read_table(EifSource& source, const Header& header) {
  const auto count = layout::get<std::uint16_t>(header, layout::kSectionCount);
  if (count < 1 || count > kEifMaxSections) {
    return Error(EifErrc::bad_section_table, std::to_string(count) + " sections, want 1 to 32");
  }
  Table table;
  std::uint64_t end = layout::kHeaderSize;
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_CHECK(read_section(source, header, i, end, table));
    end = table.sections.back().offset + table.sections.back().size;
  }
  return table;
}

Status check_count(const Table& table, EifSectionType type, std::size_t min, std::size_t max) {
  const auto count =
      static_cast<std::size_t>(std::ranges::count(table.sections, type, &EifSection::type));
  if (count < min) return Error(EifErrc::missing_section, std::string(name_of(type)));
  if (count > max) return Error(EifErrc::repeated_section, std::string(name_of(type)));
  return {};
}

Status check_size(const Table& table, EifSectionType type, std::size_t max) {
  const auto found = std::ranges::find(table.sections, type, &EifSection::type);
  if (found == table.sections.end() || found->size <= max) return {};
  return Error(EifErrc::section_too_large, std::string(name_of(type)) + " has " +
                                               std::to_string(found->size) + " bytes, " +
                                               std::to_string(max) + " allowed");
}

Status check_structure(const EifSource& source, const Table& table) {
  CONCORDAT_CHECK(check_count(table, EifSectionType::kernel, 1, 1));
  CONCORDAT_CHECK(check_count(table, EifSectionType::cmdline, 1, 1));
  CONCORDAT_CHECK(check_count(table, EifSectionType::ramdisk, 1, kEifMaxSections));
  CONCORDAT_CHECK(check_count(table, EifSectionType::metadata, 1, 1));
  CONCORDAT_CHECK(check_count(table, EifSectionType::signature, 0, 1));
  const auto kernel = std::ranges::find(table.sections, EifSectionType::kernel, &EifSection::type);
  const auto ramdisk =
      std::ranges::find(table.sections, EifSectionType::ramdisk, &EifSection::type);
  if (ramdisk < kernel) {
    return Error(EifErrc::section_order, "a ramdisk comes before the kernel");
  }
  CONCORDAT_CHECK(check_size(table, EifSectionType::metadata, kEifMaxMetadata));
  CONCORDAT_CHECK(check_size(table, EifSectionType::signature, kEifMaxSignature));
  const std::uint64_t end = table.sections.back().offset + table.sections.back().size;
  if (end != source.size()) {
    return Error(EifErrc::trailing_bytes,
                 std::to_string(source.size() - end) + " after the last section");
  }
  return {};
}

// The one pass over the sections: CRC over everything, hashes over what is measured, and the two
// sections that are looked into kept.
class Pass {
 public:
  explicit Pass(EifSource& source) : source_(source), chunk_(kChunk) {}

  Status run(const Header& header, const Table& table) {
    crc_.process_bytes(header.data(), layout::kCrc);
    for (std::size_t i = 0; i < table.sections.size(); ++i) {
      crc_.process_bytes(table.headers[i].data(), table.headers[i].size());
      CONCORDAT_CHECK(run_section(table.sections[i]));
    }
    const auto wanted = layout::get<std::uint32_t>(header, layout::kCrc);
    if (crc_.checksum() == wanted) return {};
    std::array<std::uint8_t, 8> both{};
    layout::put(both, 0, wanted);
    layout::put(both, 4, static_cast<std::uint32_t>(crc_.checksum()));
    const std::string hex = base::to_hex(both);
    return Error(EifErrc::bad_crc,
                 "header says " + hex.substr(0, 8) + ", content has " + hex.substr(8));
  }

  // PCRn = SHA-384(48 zero bytes || SHA-384(content)).
  [[nodiscard]] EifMeasurements finish() {
    return {extended_pcr({}, image_.finish().view()), extended_pcr({}, bootstrap_.finish().view()),
            extended_pcr({}, application_.finish().view()), std::nullopt};
  }

  [[nodiscard]] BytesView metadata() const noexcept { return metadata_; }
  [[nodiscard]] BytesView signature() const noexcept { return signature_; }

 private:
  Status run_section(const EifSection& section) {
    if (section.type == EifSectionType::ramdisk) ++ramdisks_;
    for (std::uint64_t done = 0; done < section.size;) {
      const auto part = std::span(chunk_).first(
          static_cast<std::size_t>(std::min<std::uint64_t>(chunk_.size(), section.size - done)));
      CONCORDAT_CHECK(source_.read(section.offset + done, part));
      crc_.process_bytes(part.data(), part.size());
      take(section.type, part);
      done += part.size();
    }
    return {};
  }

  void take(EifSectionType type, BytesView part) {
    switch (type) {
      case EifSectionType::kernel:
      case EifSectionType::cmdline:
        image_.update(part);
        bootstrap_.update(part);
        return;
      case EifSectionType::ramdisk:
        image_.update(part);
        (ramdisks_ == 1 ? bootstrap_ : application_).update(part);
        return;
      case EifSectionType::metadata:
        base::append(metadata_, part);
        return;
      case EifSectionType::signature:
        base::append(signature_, part);
        return;
    }
  }

  EifSource& source_;
  Bytes chunk_;
  layout::Crc crc_;
  base::Sha384 image_;
  base::Sha384 bootstrap_;
  base::Sha384 application_;
  unsigned ramdisks_ = 0;
  Bytes metadata_;
  Bytes signature_;
};

}  // namespace

Status check_eif_metadata(BytesView metadata) {
  if (const auto stray = base::find_stray_byte(base::as_text(metadata))) {
    return Error(EifErrc::bad_metadata,
                 std::string(stray->what) + ", at byte " + std::to_string(stray->offset));
  }
  // accept() builds nothing, whatever the text claims.
  if (!nlohmann::json::accept(metadata.begin(), metadata.end())) {
    return Error(EifErrc::bad_metadata, "not JSON");
  }
  const std::size_t first = base::as_text(metadata).find_first_not_of(" \t\r\n");
  if (metadata[first] != '{') return Error(EifErrc::bad_metadata, "not a JSON object");
  return {};
}

Result<EifImage> read_eif(EifSource& source) {
  CONCORDAT_TRY(const Header header, read_header(source));
  CONCORDAT_TRY(Table table, read_table(source, header));
  CONCORDAT_CHECK(check_structure(source, table));
  Pass pass(source);
  CONCORDAT_CHECK(pass.run(header, table));
  CONCORDAT_CHECK(check_eif_metadata(pass.metadata()));
  EifImage image;
  image.version = layout::get<std::uint16_t>(header, layout::kVersion);
  image.is_aarch64 =
      (layout::get<std::uint16_t>(header, layout::kFlags) & layout::kFlagAarch64) != 0;
  image.sections = std::move(table.sections);
  image.metadata = base::as_text(pass.metadata());
  image.measurements = pass.finish();
  if (std::ranges::count(image.sections, EifSectionType::signature, &EifSection::type) != 0) {
    CONCORDAT_TRY(image.measurements.pcr8,
                  verify_eif_signature(pass.signature(), image.measurements.pcr0));
  }
  return image;
}

}  // namespace concordat::attest
