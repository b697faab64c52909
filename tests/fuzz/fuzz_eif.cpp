// EIF reader, with the signature section as reached through a whole image. An image that is
// accepted measures the same from its parts written anew.
#include <boost/crc.hpp>
#include <cstdlib>

#include "attest/eif.hpp"
#include "attest/eif_layout.hpp"

namespace {

using namespace concordat;
using attest::EifSectionType;

void read_again(const attest::EifImage& image, base::BytesView bytes) {
  attest::EifParts parts;
  for (const attest::EifSection& section : image.sections) {
    const base::BytesView data = bytes.subspan(section.offset, section.size);
    if (section.type == EifSectionType::kernel) parts.kernel = data;
    if (section.type == EifSectionType::cmdline) parts.cmdline = base::as_text(data);
    if (section.type == EifSectionType::ramdisk) parts.ramdisks.push_back(data);
    if (section.type == EifSectionType::metadata) parts.metadata = base::as_text(data);
    if (section.type == EifSectionType::signature) parts.signature = data;
  }
  const auto written = attest::write_eif(parts);
  if (!written) std::abort();
  attest::EifBytes source(*written);
  const auto again = attest::read_eif(source);
  // The writer trims the command line and puts sections into nitro-cli's order.
  const bool same_bytes = parts.cmdline.find_first_of(" \t\r\n\v\f") == std::string::npos &&
                          image.sections[0].type == EifSectionType::kernel &&
                          image.sections[1].type == EifSectionType::cmdline;
  if (same_bytes && (!again || again->measurements != image.measurements)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  base::Bytes image(data, data + size);
  // The right checksum, or nothing behind it would be reached.
  if (image.size() >= attest::eif_layout::kHeaderSize) {
    attest::eif_layout::Crc crc;
    crc.process_bytes(image.data(), attest::eif_layout::kCrc);
    crc.process_bytes(image.data() + attest::eif_layout::kHeaderSize,
                      image.size() - attest::eif_layout::kHeaderSize);
    attest::eif_layout::put(image, attest::eif_layout::kCrc,
                            static_cast<std::uint32_t>(crc.checksum()));
  }
  attest::EifBytes source(image);
  if (const auto read = attest::read_eif(source)) read_again(*read, image);
  return 0;
}
