// Card numbers and the tokens that stand for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "attest/base/secret.hpp"

namespace tokeniser {

// The digits alone of a number of 12 to 19 digits (ISO/IEC 7812-1) that may be grouped by spaces or
// hyphens, where its last digit is the check digit of the others; nullopt otherwise.
[[nodiscard]] std::optional<concordat::base::SecretBytes> card_number(
    const concordat::base::SecretBytes& written);

// "tok1_VERSION_XXXXXXXXXXXXXXXXXXXXXXXXXX_LAST4": the format, the version of the key that made it,
// 128 bits of the tag in base32 (RFC 4648 section 6, lower case), and what a receipt may show.
[[nodiscard]] std::string make_token(std::uint32_t key_version, concordat::base::BytesView tag,
                                     const concordat::base::SecretBytes& number);

}  // namespace tokeniser
