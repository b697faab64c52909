// Are ramdisks deterministic, and does reading one refuse whatever could leave the root directory?
#include "deploy/lab/cpio.hpp"

#include <gtest/gtest.h>

namespace concordat::lab {
namespace {

using base::as_bytes;
using base::Bytes;
using base::to_bytes;

ArchivedFile plain(std::string_view text) {
  return {false, to_bytes(as_bytes(text))};
}

struct RawEntry {
  std::string name;
  std::string mode = "000081A4";
  std::string content = {};
  std::string magic = "070701";
};

std::string hex8(std::size_t value) {
  char text[9];
  std::snprintf(text, sizeof text, "%08zX", value);
  return text;
}

// An archive as other tools write it (upper-case digits, owner, times), with any mistake wanted.
Bytes archive(const std::vector<RawEntry>& entries, std::string_view after = "",
              bool with_trailer = true) {
  std::string out;
  const auto add = [&](const RawEntry& entry) {
    out += entry.magic + hex8(7) + entry.mode + hex8(1000) + hex8(1000) + hex8(1) +
           hex8(1'700'000) + hex8(entry.content.size()) + hex8(8) + hex8(1) + hex8(0) + hex8(0) +
           hex8(entry.name.size() + 1) + hex8(0) + entry.name + '\0';
    out.resize((out.size() + 3) / 4 * 4);
    out += entry.content;
    out.resize((out.size() + 3) / 4 * 4);
  };
  for (const RawEntry& entry : entries)
    add(entry);
  if (with_trailer) add({.name = "TRAILER!!!", .mode = "00000000"});
  out += after;
  return to_bytes(as_bytes(out));
}

CpioErrc refusal(const Bytes& bytes) {
  const auto read = read_cpio(bytes);
  EXPECT_FALSE(read);
  if (read) return {};
  EXPECT_STREQ(read.error().code().category().name(), "cpio");
  return static_cast<CpioErrc>(read.error().code().value());
}

TEST(Cpio, ReadsBackWhatItWrote) {
  const FileTree files{{"bin/app", {true, Bytes(4097, 9)}},
                       {"bin/app.conf", plain("x")},
                       {"etc/deep/er/file", plain("")},
                       {"z", plain("last")}};
  EXPECT_EQ(read_cpio(write_cpio(files)).value(), files);
  EXPECT_EQ(read_cpio(write_cpio({})).value(), FileTree{});
}

TEST(Cpio, WritesTheFormatByteForByte) {
  const Bytes bytes = write_cpio({{"a", {true, to_bytes(as_bytes("hi"))}}});
  const std::string head =
      "070701"
      "00000001"
      "000081ed"
      "00000000"
      "00000000"
      "00000001"
      "00000000"
      "00000002"
      "00000000"
      "00000000"
      "00000000"
      "00000000"
      "00000002"
      "00000000";
  const std::string trailer =
      "070701"
      "00000002"
      "00000000"
      "00000000"
      "00000000"
      "00000001"
      "00000000"
      "00000000"
      "00000000"
      "00000000"
      "00000000"
      "00000000"
      "0000000b"
      "00000000";
  const std::string expected = head + std::string("a\0", 2) + std::string("hi\0\0", 4) + trailer +
                               "TRAILER!!!" + std::string("\0\0\0\0", 4);
  EXPECT_EQ(base::as_text(bytes), expected);
}

TEST(Cpio, ReadsArchivesOfOtherTools) {
  const Bytes bytes = archive({{.name = ".", .mode = "000041ED"},
                               {.name = "bin", .mode = "000041ED"},
                               {.name = "bin/sh", .mode = "000081ED", .content = "#!"}},
                              std::string(512, '\0'));
  const FileTree expected{{"bin/sh", {true, to_bytes(as_bytes("#!"))}}};
  EXPECT_EQ(read_cpio(bytes).value(), expected);
}

TEST(Cpio, RefusesPathsThatLeaveTheRoot) {
  for (const char* path : {"/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "a/", "", ".."}) {
    EXPECT_EQ(refusal(archive({{.name = path}})), CpioErrc::bad_path) << path;
  }
  EXPECT_EQ(refusal(archive({{.name = std::string("a\0b", 3)}})), CpioErrc::bad_path);
  EXPECT_EQ(refusal(archive({{.name = std::string(1025, 'a')}})), CpioErrc::bad_path);
}

TEST(Cpio, RefusesLinksDevicesAndOtherTypes) {
  for (const char* mode :
       {"0000A1FF", "000021B6", "000061B0", "000011A4", "0000C1ED", "000001A4"}) {
    EXPECT_EQ(refusal(archive({{.name = "x", .mode = mode, .content = "/etc"}})),
              CpioErrc::unsupported_type)
        << mode;
  }
}

TEST(Cpio, RefusesTwoMeaningsOfOnePath) {
  EXPECT_EQ(refusal(archive({{.name = "x"}, {.name = "x"}})), CpioErrc::duplicate_path);
  EXPECT_EQ(refusal(archive({{.name = "x"}, {.name = "x", .mode = "000041ED"}})),
            CpioErrc::duplicate_path);
  EXPECT_EQ(refusal(archive({{.name = "x", .mode = "000041ED"}, {.name = "x"}})),
            CpioErrc::duplicate_path);
  EXPECT_EQ(refusal(archive({{.name = "x/y"}, {.name = "x"}})), CpioErrc::duplicate_path);
  EXPECT_EQ(refusal(archive({{.name = "x"}, {.name = "x/y"}})), CpioErrc::bad_path);
}

TEST(Cpio, RefusesDamage) {
  EXPECT_EQ(refusal(archive({{.name = "x", .magic = "070702"}})), CpioErrc::bad_magic);
  EXPECT_EQ(refusal(archive({{.name = "x", .mode = "0000g1A4"}})), CpioErrc::bad_number);
  EXPECT_EQ(refusal(archive({{.name = "x"}}, "more")), CpioErrc::trailing_bytes);
  EXPECT_EQ(refusal(archive({{.name = "x"}}, "", false)), CpioErrc::truncated);
  const Bytes whole = archive({{.name = "x", .content = "content"}});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(refusal(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))),
              CpioErrc::truncated)
        << size;
  }
}

}  // namespace
}  // namespace concordat::lab
