// Is packing deterministic, does the hypervisor measure what `concordat measure` measures, and does
// one altered byte show in the register that covers it?
#include "deploy/lab/image.hpp"

#include <gtest/gtest.h>

#include "attest/base/file.hpp"
#include "deploy/lab/error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;

const std::filesystem::path kProbe = CONCORDAT_LAB_PROBE;

class ImageTest : public testing::Test {
 protected:
  std::filesystem::path write(const std::string& name, const Bytes& content) const {
    const auto path = folder_.path() / name;
    EXPECT_TRUE(base::write_file(path, content, 0755));
    return path;
  }
  static attest::EifMeasurements measure(const Bytes& image) {
    attest::EifBytes source(image);
    return attest::read_eif(source).value().measurements;
  }

  test::TemporaryFolder folder_;
};

TEST_F(ImageTest, SameInputsGiveTheSameBytes) {
  const Bytes content = base::read_file(kProbe, std::size_t{1} << 30).value();
  std::filesystem::create_directory(folder_.path() / "other");
  const auto one = write("probe", content);
  const auto two = write("other/probe", content);
  EXPECT_EQ(pack_image({.program = one, .arguments = {"report"}, .files = {}}).value(),
            pack_image({.program = two, .arguments = {"report"}, .files = {}}).value());
}

TEST_F(ImageTest, HoldsProgramLoaderLibrariesAndFiles) {
  const auto extra = write("extra.json", Bytes{'{', '}'});
  const Bytes image =
      pack_image({.program = kProbe, .arguments = {"a", "--b=c"}, .files = {{"/etc/x", extra}}})
          .value();
  const LabImage read = read_image(image).value();
  EXPECT_EQ(read.command, (std::vector<std::string>{"/bin/lab_probe", "a", "--b=c"}));
  EXPECT_EQ(read.name, "lab_probe");
  EXPECT_TRUE(read.root.at("bin/lab_probe").executable);
  EXPECT_EQ(read.root.at("etc/x").content, (Bytes{'{', '}'}));
  EXPECT_TRUE(read.root.contains("lib/libc.so.6"));
  EXPECT_TRUE(std::ranges::any_of(read.root, [](const auto& entry) {
    return entry.first.find("ld-linux") != std::string::npos;
  })) << "the dynamic loader";
}

TEST_F(ImageTest, MeasuresAsConcordatMeasureDoes) {
  const Bytes image = pack_image({.program = kProbe, .arguments = {}, .files = {}}).value();
  const attest::EifMeasurements measured = measure(image);
  EXPECT_EQ(read_image(image).value().measurements, measured);
  EXPECT_FALSE(measured.pcr0.is_zero());
  EXPECT_FALSE(measured.pcr8.has_value());
}

TEST_F(ImageTest, OneAlteredByteOfTheProgramChangesPcr0AndPcr2) {
  Bytes content = base::read_file(kProbe, std::size_t{1} << 30).value();
  const auto honest = write("probe", content);
  const auto before =
      measure(pack_image({.program = honest, .arguments = {}, .files = {}}).value());
  content.back() ^= 1;
  const auto altered = write("probe", content);
  const auto after =
      measure(pack_image({.program = altered, .arguments = {}, .files = {}}).value());
  EXPECT_NE(before.pcr0, after.pcr0);
  EXPECT_EQ(before.pcr1, after.pcr1);
  EXPECT_NE(before.pcr2, after.pcr2);
}

TEST_F(ImageTest, AnotherArgumentChangesPcr0AndPcr1) {
  const auto one =
      measure(pack_image({.program = kProbe, .arguments = {"one"}, .files = {}}).value());
  const auto two =
      measure(pack_image({.program = kProbe, .arguments = {"two"}, .files = {}}).value());
  EXPECT_NE(one.pcr0, two.pcr0);
  EXPECT_NE(one.pcr1, two.pcr1);
  EXPECT_EQ(one.pcr2, two.pcr2);
}

TEST_F(ImageTest, RefusesADamagedImage) {
  Bytes image = pack_image({.program = kProbe, .arguments = {}, .files = {}}).value();
  image[image.size() / 2] ^= 1;
  EXPECT_TRUE(read_image(image).error().is(attest::EifErrc::bad_crc));
}

TEST_F(ImageTest, RefusesASoundImageThatIsNotTheLabs) {
  const Bytes ramdisk = write_cpio({{"bin/x", {true, {}}}});
  const auto with = [&](std::string_view kernel, std::string cmdline,
                        std::vector<base::BytesView> ramdisks) {
    attest::EifParts parts;
    parts.kernel = base::as_bytes(kernel);
    parts.cmdline = std::move(cmdline);
    parts.ramdisks = std::move(ramdisks);
    parts.metadata = "{}";
    return read_image(attest::write_eif(parts).value());
  };
  const std::string_view stub =
      "Concordat lab kernel 1: starts the program named by the command line.\n";
  EXPECT_TRUE(with(stub, "/bin/x", {ramdisk, ramdisk}));
  EXPECT_TRUE(with("a Linux kernel", "/bin/x", {ramdisk, ramdisk}).error().is(LabErrc::bad_image));
  EXPECT_TRUE(with(stub, "/bin/x", {ramdisk}).error().is(LabErrc::bad_image));
  EXPECT_TRUE(with(stub, "/bin/other", {ramdisk, ramdisk}).error().is(LabErrc::bad_image));
  EXPECT_TRUE(with(stub, "bin/x", {ramdisk, ramdisk}).error().is(LabErrc::bad_image));
  EXPECT_TRUE(with(stub, "/bin/x  y", {ramdisk, ramdisk}).error().is(LabErrc::bad_image));
  const Bytes reserved = write_cpio({{"bin/x", {true, {}}}, {"lab/nsm.sock", {false, {}}}});
  EXPECT_TRUE(with(stub, "/bin/x", {ramdisk, reserved}).error().is(LabErrc::bad_image));
}

TEST_F(ImageTest, SaysWhyAProgramCannotBePacked) {
  const auto script = write("script", base::to_bytes(base::as_bytes("#!/bin/sh\n")));
  EXPECT_TRUE(pack_image({.program = script, .arguments = {}, .files = {}})
                  .error()
                  .is(LabErrc::program_unusable));
  EXPECT_TRUE(pack_image({.program = folder_.path() / "none", .arguments = {}, .files = {}})
                  .error()
                  .is(base::FileErrc::cannot_read));
  Bytes cut = base::read_file(kProbe, std::size_t{1} << 30).value();
  cut.resize(70);
  EXPECT_TRUE(pack_image({.program = write("cut", cut), .arguments = {}, .files = {}})
                  .error()
                  .is(LabErrc::program_unusable));
}

TEST_F(ImageTest, RefusesArgumentsAndFilesThatDoNotFit) {
  const auto refused = [](const PackRequest& request) {
    return pack_image(request).error().is(LabErrc::bad_request);
  };
  EXPECT_TRUE(refused({.program = kProbe, .arguments = {"two words"}, .files = {}}));
  EXPECT_TRUE(refused({.program = kProbe, .arguments = {""}, .files = {}}));
  for (const char* path : {"lab/nsm.sock", "/dev/null", "../x", "bin/lab_probe", "tmp"}) {
    EXPECT_TRUE(refused({.program = kProbe, .arguments = {}, .files = {{path, kProbe}}})) << path;
  }
}

}  // namespace
}  // namespace concordat::lab
