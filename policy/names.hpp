// The words of the format: which strings may stand for what.
#pragma once

#include <optional>
#include <string_view>

#include "policy/model.hpp"

namespace concordat::policy {

inline constexpr const char* kNameRule =
    "1 to 64 of letters, digits, '.', '_' and '-', a letter or digit first";

// Names of images and roles: kNameRule.
[[nodiscard]] bool is_name(std::string_view text) noexcept;
// Names of purposes, as handshakes carry them: segments of [a-z0-9._-] joined by '/', 128
// characters in all ("tunnel/ledger").
[[nodiscard]] bool is_purpose_name(std::string_view text) noexcept;
// Names of a session's protocol: a name, '/' and a version from 1 without leading zeros, in lower
// case ("aggregate/1").
[[nodiscard]] bool is_protocol_name(std::string_view text) noexcept;
// "arn:PARTITION:iam::ACCOUNT:role/PATH", what the parent's instance profile carries.
[[nodiscard]] bool is_role_arn(std::string_view text) noexcept;
// "arn:PARTITION:iam::ACCOUNT:user/PATH".
[[nodiscard]] bool is_user_arn(std::string_view text) noexcept;
// "arn:PARTITION:iam::ACCOUNT:root": whomever IAM of that account lets.
[[nodiscard]] bool is_account_arn(std::string_view text) noexcept;
// The fifth part of an ARN; empty when there is none.
[[nodiscard]] std::string_view account_of_arn(std::string_view text) noexcept;
// "i-" and 8 or 17 hexadecimal digits.
[[nodiscard]] bool is_instance_id(std::string_view text) noexcept;
// What such a text, or the 96 hex digits themselves, pins in PCR3 or PCR4; nullopt for any other
// text and for all zeros.
[[nodiscard]] std::optional<Pin> account_pin(std::string_view text);
[[nodiscard]] std::optional<Pin> instance_pin(std::string_view text);
[[nodiscard]] std::optional<Operation> operation_named(std::string_view text) noexcept;

}  // namespace concordat::policy
