// Lab images: enclave image files in every respect (sections, measurements, checks) whose kernel is
// a fixed stub, since the lab starts programs and not machines.
//
//   kernel     the stub
//   cmdline    the program's path and its arguments, separated by single spaces: measured
//   ramdisk 1  the stub's init
//   ramdisk 2  the enclave's root directory: the program, what it needs, further files
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "attest/eif.hpp"
#include "deploy/lab/cpio.hpp"

namespace concordat::lab {

struct ImageSigner;  // image_signer.hpp

struct PackRequest {
  std::filesystem::path program;
  std::vector<std::string> arguments;  // printable ASCII without spaces, not empty
  struct File {
    std::string destination;  // path in the image, absolute or relative to its root
    std::filesystem::path source;
  };
  std::vector<File> files;
  const ImageSigner* signer = nullptr;  // null: not signed, PCR8 stays zero
};

// The bytes of an image file. The same inputs give the same bytes: no times, owners or paths of
// this machine enter. Of a signed image that holds for what is measured; an ECDSA signature is
// another each time.
[[nodiscard]] base::Result<base::Bytes> pack_image(const PackRequest& request);

struct LabImage {
  std::string name;                  // of the program, without its folder
  std::vector<std::string> command;  // the program's absolute path, then its arguments
  FileTree root;
  attest::EifMeasurements measurements;
};

// Checks and measures the bytes with the reader of `concordat measure` and takes them apart.
// bad_image: a sound image file, but not one of the lab's.
[[nodiscard]] base::Result<LabImage> read_image(base::BytesView eif);

}  // namespace concordat::lab
