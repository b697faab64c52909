#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "attest/eif.hpp"

namespace concordat::attest {

using base::Error;
using base::Result;
using base::Status;

base::CodeInfo describe(EifErrc code) noexcept {
  switch (code) {
    case EifErrc::unreadable:
      return {"unreadable", "cannot read the image"};
    case EifErrc::bad_magic:
      return {"bad_magic", "not an enclave image file (it does not start with \".eif\")"};
    case EifErrc::truncated:
      return {"truncated", "the image is truncated"};
    case EifErrc::unsupported_version:
      return {"unsupported_version", "EIF version not supported"};
    case EifErrc::bad_section_table:
      return {"bad_section_table", "the image's section table is wrong"};
    case EifErrc::bad_section_type:
      return {"bad_section_type", "unknown section type"};
    case EifErrc::missing_section:
      return {"missing_section", "the image lacks a section"};
    case EifErrc::repeated_section:
      return {"repeated_section", "the image has a section twice"};
    case EifErrc::section_order:
      return {"section_order", "the image's sections are in the wrong order"};
    case EifErrc::section_too_large:
      return {"section_too_large", "a section is larger than allowed"};
    case EifErrc::trailing_bytes:
      return {"trailing_bytes", "bytes after the image"};
    case EifErrc::bad_crc:
      return {"bad_crc", "the image's checksum (CRC-32) does not match its content"};
    case EifErrc::bad_metadata:
      return {"bad_metadata", "the image's metadata is not a JSON object"};
    case EifErrc::bad_signature_section:
      return {"bad_signature_section", "the image's signature section cannot be read"};
    case EifErrc::unsupported_algorithm:
      return {"unsupported_algorithm", "the image is signed with an unsupported algorithm"};
    case EifErrc::signature_invalid:
      return {"signature_invalid", "the image's signature is not valid"};
    case EifErrc::signed_pcr0_differs:
      return {"signed_pcr0_differs", "the image's signature is for another PCR0"};
  }
  return {"unknown", "unknown EIF error"};
}

Status EifBytes::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  if (offset > image_.size() || image_.size() - offset < out.size()) {
    return Error(EifErrc::truncated, "at byte " + std::to_string(image_.size()));
  }
  std::ranges::copy(image_.subspan(static_cast<std::size_t>(offset), out.size()), out.begin());
  return {};
}

Result<EifFile> EifFile::open(const std::filesystem::path& path) {
  const auto failure = [&](const std::string& why) {
    return Error(EifErrc::unreadable, path.string() + ": " + why);
  };
  // Non-blocking: a FIFO must be refused below, not waited for.
  base::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.open()) return failure(std::strerror(errno));
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failure(std::strerror(errno));
  if (!S_ISREG(status.st_mode)) return failure("not a regular file");
  return EifFile(std::move(file), static_cast<std::uint64_t>(status.st_size));
}

Status EifFile::read(std::uint64_t offset, std::span<std::uint8_t> out) {
  while (!out.empty()) {
    const ssize_t n = ::pread(file_.get(), out.data(), out.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error(EifErrc::unreadable, std::strerror(errno));
    if (n == 0) {
      return Error(EifErrc::truncated, "the file shrank to " + std::to_string(offset) + " bytes");
    }
    out = out.subspan(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return {};
}

}  // namespace concordat::attest
