// Enclave image files (EIF): read with every check, measured as the Nitro hypervisor measures them,
// and written. Format: aws-nitro-enclaves-image-format, src/defs/mod.rs and eif_hasher.rs.
//
//   header    548 bytes, big-endian: magic, version, flags, default memory and CPUs, number of
//             sections, their offsets and sizes (room for 32), CRC-32
//   sections  one after another to the end of the file: 12 bytes (type, flags, size), then data
//
// Measured is section data only, joined without separators: neither headers, nor metadata, nor
// where one section ends. Images of several GiB are read once, front to back, through a small
// buffer.
#pragma once

#include <filesystem>
#include <optional>

#include "attest/base/descriptor.hpp"
#include "attest/pcr.hpp"

namespace concordat::attest {

inline constexpr std::uint16_t kEifVersion = 4;
inline constexpr std::size_t kEifMaxSections = 32;
inline constexpr std::size_t kEifMaxSignature = 32768;
// nitro-cli puts the container's description here: tens of KiB. The bound keeps memory small.
inline constexpr std::size_t kEifMaxMetadata = std::size_t{4} << 20;

// In the order in which they are looked for; the first that applies is reported.
enum class EifErrc {
  unreadable = 1,  // input/output: the only code that says nothing about the image
  bad_magic,
  truncated,
  unsupported_version,
  bad_section_table,
  bad_section_type,
  missing_section,
  repeated_section,
  section_order,
  section_too_large,
  trailing_bytes,
  bad_crc,
  bad_metadata,
  bad_signature_section,
  unsupported_algorithm,
  signature_invalid,
  signed_pcr0_differs,
};
[[nodiscard]] base::CodeInfo describe(EifErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(EifErrc) {
  return "eif";
}
[[nodiscard]] inline boost::system::error_code make_error_code(EifErrc e) {
  return base::enum_code(e);
}

// Where an image's bytes come from.
class EifSource {
 public:
  virtual ~EifSource() = default;
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  // Fills `out` from `offset`, whole or not at all; the caller stays within size().
  [[nodiscard]] virtual base::Status read(std::uint64_t offset, std::span<std::uint8_t> out) = 0;
};

// An image in memory, which outlives this object.
class EifBytes final : public EifSource {
 public:
  explicit EifBytes(base::BytesView image) noexcept : image_(image) {}
  [[nodiscard]] std::uint64_t size() const noexcept override { return image_.size(); }
  [[nodiscard]] base::Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  base::BytesView image_;
};

// An image in a regular file, kept open. A file that shrinks while it is read is `truncated`.
class EifFile final : public EifSource {
 public:
  [[nodiscard]] static base::Result<EifFile> open(const std::filesystem::path& path);
  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] base::Status read(std::uint64_t offset, std::span<std::uint8_t> out) override;

 private:
  EifFile(base::Descriptor file, std::uint64_t size) noexcept
      : file_(std::move(file)), size_(size) {}
  base::Descriptor file_;
  std::uint64_t size_ = 0;
};

enum class EifSectionType : std::uint16_t {
  kernel = 1,
  cmdline,
  ramdisk,
  signature,
  metadata,
};

struct EifSection {
  EifSectionType type = EifSectionType::kernel;
  std::uint16_t flags = 0;
  std::uint64_t offset = 0;  // of the data, from the start of the file
  std::uint64_t size = 0;    // of the data
};

struct EifMeasurements {
  PcrValue pcr0;                 // kernel, cmdline and all ramdisks, in file order
  PcrValue pcr1;                 // kernel, cmdline and the first ramdisk
  PcrValue pcr2;                 // the other ramdisks
  std::optional<PcrValue> pcr8;  // the signing certificate's DER; absent: not signed

  friend bool operator==(const EifMeasurements&, const EifMeasurements&) = default;
};

struct EifImage {
  std::uint16_t version = 0;
  bool is_aarch64 = false;
  std::vector<EifSection> sections;  // in file order
  std::string metadata;              // JSON object
  EifMeasurements measurements;
};

// Reads all of `source` once. Whatever makes two readers of an image see different things (gaps,
// bytes after the last section, sizes that disagree) is refused, and so is a signature section
// whose signature is not valid or is for another PCR0.
[[nodiscard]] base::Result<EifImage> read_eif(EifSource& source);

// What an image is made of. Views live as long as the call.
struct EifParts {
  base::BytesView kernel;
  std::string cmdline;                    // written without white space at its ends
  std::vector<base::BytesView> ramdisks;  // at least one
  std::string metadata;                   // JSON object
  base::BytesView signature;              // content of the signature section; empty: none
  bool is_aarch64 = false;
};
// In nitro-cli's order: kernel, cmdline, metadata, ramdisks, signature. Parts that no reader would
// take fail with the codes of read_eif; the signature is the caller's word.
[[nodiscard]] base::Result<base::Bytes> write_eif(const EifParts& parts);

}  // namespace concordat::attest
