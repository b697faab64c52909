#include "attest/eif.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "attest/eif_layout.hpp"
#include "tests/eif/parts.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
namespace layout = eif_layout;

constexpr std::size_t kFirstData = layout::kHeaderSize + layout::kSectionHeaderSize;

PcrValue measured(std::initializer_list<BytesView> content) {
  return base::sha384({Bytes(48), base::sha384(content).view()});
}

Bytes small_image() {
  return write_eif(test::small_parts()).value();
}

// Writes the CRC that the changed image should have, so that a later check must notice.
Bytes with_crc(Bytes image) {
  layout::Crc crc;
  crc.process_bytes(image.data(), layout::kCrc);
  crc.process_bytes(image.data() + layout::kHeaderSize, image.size() - layout::kHeaderSize);
  layout::put(image, layout::kCrc, static_cast<std::uint32_t>(crc.checksum()));
  return image;
}

void expect_refused(BytesView image, EifErrc code) {
  const auto read = test::read_bytes(image);
  ASSERT_FALSE(read);
  EXPECT_TRUE(read.error().is(code)) << read.error().to_string();
}

struct RawSection {
  EifSectionType type;
  Bytes data;
};

// Any sections in any order, which write_eif would not make.
Bytes raw_image(const std::vector<RawSection>& sections) {
  Bytes image(layout::kHeaderSize);
  std::ranges::copy(layout::kMagic, image.begin());
  layout::put(image, layout::kVersion, kEifVersion);
  layout::put(image, layout::kSectionCount, static_cast<std::uint16_t>(sections.size()));
  for (std::size_t i = 0; i < sections.size(); ++i) {
    layout::put(image, layout::kSectionOffsets + 8 * i, std::uint64_t{image.size()});
    layout::put(image, layout::kSectionSizes + 8 * i, std::uint64_t{sections[i].data.size()});
    Bytes header(layout::kSectionHeaderSize);
    layout::put(header, layout::kSectionType, static_cast<std::uint16_t>(sections[i].type));
    layout::put(header, layout::kSectionSize, std::uint64_t{sections[i].data.size()});
    base::append(image, header);
    base::append(image, sections[i].data);
  }
  return with_crc(image);
}

const RawSection kKernelSection{EifSectionType::kernel, Bytes(20, 1)};
const RawSection kCmdline{EifSectionType::cmdline, Bytes(5, 'c')};
const RawSection kMetadata{EifSectionType::metadata, Bytes{'{', '}'}};
const RawSection kRamdisk{EifSectionType::ramdisk, Bytes(30, 3)};

TEST(Eif, ReadsWhatItWrites) {
  const auto image = test::read_bytes(small_image());
  ASSERT_TRUE(image) << image.error().to_string();
  EXPECT_EQ(image->version, 4);
  EXPECT_FALSE(image->is_aarch64);
  EXPECT_EQ(image->metadata, R"({"ImageName":"small"})");
  ASSERT_EQ(image->sections.size(), 5u);
  EXPECT_EQ(image->sections[0].type, EifSectionType::kernel);
  EXPECT_EQ(image->sections[0].offset, kFirstData);
  EXPECT_EQ(image->sections[4].size, test::kApplication.size());
  EXPECT_FALSE(image->measurements.pcr8);
}

TEST(Eif, MeasuresDataOnlyInFileOrder) {
  const auto parts = test::small_parts();
  const auto found = test::read_bytes(small_image())->measurements;
  const BytesView cmdline = base::as_bytes(parts.cmdline);
  EXPECT_EQ(found.pcr0, measured({parts.kernel, cmdline, test::kInit, test::kApplication}));
  EXPECT_EQ(found.pcr1, measured({parts.kernel, cmdline, test::kInit}));
  EXPECT_EQ(found.pcr2, measured({test::kApplication}));
}

TEST(Eif, WriterTrimsTheCommandLine) {
  auto parts = test::small_parts();
  parts.cmdline = " " + parts.cmdline + " \n";
  EXPECT_EQ(write_eif(parts).value(), small_image());
}

TEST(Eif, SaysTheArchitecture) {
  auto parts = test::small_parts();
  parts.is_aarch64 = true;
  const auto image = test::read_bytes(write_eif(parts).value());
  EXPECT_TRUE(image->is_aarch64);
  EXPECT_EQ(image->measurements, test::read_bytes(small_image())->measurements);
}

TEST(Eif, WriterRefusesWhatNoReaderTakes) {
  auto parts = test::small_parts();
  parts.ramdisks.clear();
  EXPECT_TRUE(write_eif(parts).error().is(EifErrc::missing_section));
  parts = test::small_parts();
  parts.metadata = "[]";
  EXPECT_TRUE(write_eif(parts).error().is(EifErrc::bad_metadata));
  parts = test::small_parts();
  parts.ramdisks.assign(30, test::kInit);
  EXPECT_TRUE(write_eif(parts).error().is(EifErrc::bad_section_table));
  parts.ramdisks.pop_back();
  EXPECT_TRUE(test::read_bytes(write_eif(parts).value()));
}

TEST(Eif, EveryPrefixIsRefused) {
  const Bytes whole = small_image();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    const auto read = test::read_bytes(BytesView(whole).first(n));
    ASSERT_FALSE(read) << n;
    EXPECT_TRUE(read.error().is(n == 0 ? EifErrc::bad_magic : EifErrc::truncated)) << n;
  }
}

TEST(Eif, EveryFlippedBitIsRefused) {
  const Bytes whole = small_image();
  for (std::size_t at = 0; at < whole.size(); ++at) {
    Bytes changed = whole;
    changed[at] ^= 0x10;
    EXPECT_FALSE(test::read_bytes(changed)) << at;
  }
}

TEST(Eif, RefusesEachWrongHeaderFieldByName) {
  for (const int version : {0, 3, 5, 0xffff}) {
    Bytes other_version = small_image();
    layout::put(other_version, layout::kVersion, static_cast<std::uint16_t>(version));
    expect_refused(with_crc(other_version), EifErrc::unsupported_version);
  }
  for (const int count : {0, 33, 0xffff}) {
    Bytes sections = small_image();
    layout::put(sections, layout::kSectionCount, static_cast<std::uint16_t>(count));
    expect_refused(with_crc(sections), EifErrc::bad_section_table);
  }
  Bytes fewer = small_image();
  layout::put(fewer, layout::kSectionCount, std::uint16_t{4});
  expect_refused(with_crc(fewer), EifErrc::trailing_bytes);
  Bytes trailing = small_image();
  trailing.push_back(0);
  expect_refused(with_crc(trailing), EifErrc::trailing_bytes);
}

TEST(Eif, RefusesTablesThatReadersWouldReadDifferently) {
  for (const std::uint64_t offset : {std::uint64_t{0}, std::uint64_t{549}, UINT64_MAX}) {
    Bytes moved = small_image();
    layout::put(moved, layout::kSectionOffsets, offset);
    expect_refused(with_crc(moved), EifErrc::bad_section_table);
  }
  Bytes other_size = small_image();
  layout::put(other_size, layout::kSectionSizes, std::uint64_t{test::kKernel.size() - 1});
  expect_refused(with_crc(other_size), EifErrc::bad_section_table);
  for (const std::uint64_t size : {UINT64_MAX, UINT64_MAX - 12, std::uint64_t{1} << 40}) {
    Bytes huge = small_image();
    layout::put(huge, layout::kSectionSizes, size);
    layout::put(huge, layout::kHeaderSize + layout::kSectionSize, size);
    expect_refused(with_crc(huge), EifErrc::truncated);
  }
  for (const std::uint16_t type : {std::uint16_t{0}, std::uint16_t{6}}) {
    Bytes unknown = small_image();
    layout::put(unknown, layout::kHeaderSize, type);
    expect_refused(with_crc(unknown), EifErrc::bad_section_type);
  }
}

TEST(Eif, WantsEachSectionAsOftenAsItMay) {
  EXPECT_TRUE(test::read_bytes(raw_image({kKernelSection, kCmdline, kMetadata, kRamdisk})));
  EXPECT_TRUE(test::read_bytes(raw_image({kCmdline, kKernelSection, kRamdisk, kMetadata})));
  const auto missing = EifErrc::missing_section;
  expect_refused(raw_image({kCmdline, kMetadata, kRamdisk}), missing);
  expect_refused(raw_image({kKernelSection, kMetadata, kRamdisk}), missing);
  expect_refused(raw_image({kKernelSection, kCmdline, kRamdisk}), missing);
  expect_refused(raw_image({kKernelSection, kCmdline, kMetadata}), missing);
  const auto repeated = EifErrc::repeated_section;
  expect_refused(raw_image({kKernelSection, kKernelSection, kCmdline, kMetadata, kRamdisk}),
                 repeated);
  expect_refused(raw_image({kKernelSection, kCmdline, kCmdline, kMetadata, kRamdisk}), repeated);
  expect_refused(raw_image({kKernelSection, kCmdline, kMetadata, kMetadata, kRamdisk}), repeated);
  expect_refused(raw_image({kRamdisk, kKernelSection, kCmdline, kMetadata}),
                 EifErrc::section_order);
}

TEST(Eif, BoundsTheSectionsThatItKeeps) {
  const RawSection large_signature{EifSectionType::signature, Bytes(kEifMaxSignature + 1)};
  expect_refused(raw_image({kKernelSection, kCmdline, kMetadata, kRamdisk, large_signature}),
                 EifErrc::section_too_large);
  const RawSection large_metadata{EifSectionType::metadata, Bytes(kEifMaxMetadata + 1)};
  expect_refused(raw_image({kKernelSection, kCmdline, large_metadata, kRamdisk}),
                 EifErrc::section_too_large);
}

TEST(Eif, MetadataIsAJsonObject) {
  using namespace std::string_view_literals;
  for (const std::string_view text : {""sv, "{"sv, "[]"sv, "1"sv, "{}x"sv, "{}\0"sv, "{}\0{"sv,
                                      "{\"a\":\"\0\"}"sv, "\xef\xbb\xbf{}"sv}) {
    const RawSection metadata{EifSectionType::metadata, base::to_bytes(base::as_bytes(text))};
    expect_refused(raw_image({kKernelSection, kCmdline, metadata, kRamdisk}),
                   EifErrc::bad_metadata);
  }
}

TEST(Eif, CrcIsLookedAtBeforeContent) {
  const RawSection metadata{EifSectionType::metadata, Bytes{'['}};
  Bytes image = raw_image({kKernelSection, kCmdline, metadata, kRamdisk});
  image.back() ^= 1;
  expect_refused(image, EifErrc::bad_crc);
}

class EifFileTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "eifXXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::filesystem::path write(const Bytes& content) {
    const auto path = folder_ / "x.eif";
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    return path;
  }
  std::filesystem::path folder_;
};

TEST_F(EifFileTest, ReadsLargeSectionsInChunks) {
  auto parts = test::small_parts();
  Bytes large(3'000'001);
  for (std::size_t i = 0; i < large.size(); ++i)
    large[i] = static_cast<std::uint8_t>(i * 31);
  parts.ramdisks = {test::kInit, large};
  EifFile file = EifFile::open(write(write_eif(parts).value())).value();
  const auto image = read_eif(file);
  ASSERT_TRUE(image) << image.error().to_string();
  EXPECT_EQ(image->measurements.pcr2, measured({large}));
}

TEST_F(EifFileTest, AFileThatShrinksIsTruncated) {
  const auto path = write(small_image());
  EifFile file = EifFile::open(path).value();
  std::filesystem::resize_file(path, 1000);
  EXPECT_TRUE(read_eif(file).error().is(EifErrc::truncated));
}

TEST_F(EifFileTest, WhatIsNoFileIsUnreadable) {
  EXPECT_TRUE(EifFile::open(folder_ / "absent").error().is(EifErrc::unreadable));
  EXPECT_TRUE(EifFile::open(folder_).error().is(EifErrc::unreadable));
  const auto fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_TRUE(EifFile::open(fifo).error().is(EifErrc::unreadable));
}

}  // namespace
}  // namespace concordat::attest
