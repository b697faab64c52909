// Who signs an image: PCR8 measures the certificate.
#pragma once

#include <filesystem>

#include "attest/base/openssl.hpp"

namespace concordat::lab {

struct ImageSigner {
  base::Bytes certificate_pem;
  base::PkeyPtr key;
};

// Two PEM files, as nitro-cli takes them. A key that needs a passphrase is bad_key.
[[nodiscard]] base::Result<ImageSigner> read_image_signer(const std::filesystem::path& certificate,
                                                          const std::filesystem::path& private_key);

}  // namespace concordat::lab
