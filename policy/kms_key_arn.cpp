#include "policy/kms_key_arn.hpp"

#include <algorithm>
#include <array>

namespace concordat::policy {
namespace {

using base::Error;
using base::Result;

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) noexcept {
  return c >= 'a' && c <= 'z';
}
bool is_lower_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

// `text` has `min` to `max` characters, all of which are `allowed`.
bool is_made_of(std::string_view text, bool (*allowed)(char), std::size_t min, std::size_t max) {
  return text.size() >= min && text.size() <= max && std::ranges::all_of(text, allowed);
}

Error bad(std::string detail) {
  return Error(KmsKeyArnErrc::bad_key_arn, std::move(detail));
}

// us-east-1, ap-southeast-2; us-gov-west-1. It becomes part of a host name.
bool is_region_of(std::string_view partition, std::string_view region) {
  constexpr std::string_view kGov = "us-gov-";
  constexpr std::string_view kChina = "cn-";  // a partition of its own
  if (partition == "aws-us-gov") {
    if (!region.starts_with(kGov)) return false;
    region.remove_prefix(kGov.size());
  } else {
    if (!is_made_of(region.substr(0, 2), is_lower, 2, 2) || region.starts_with(kChina) ||
        region.substr(2, 1) != "-") {
      return false;
    }
    region.remove_prefix(3);
  }
  const std::size_t dash = region.find('-');
  return dash != region.npos && is_made_of(region.substr(0, dash), is_lower, 1, 16) &&
         is_made_of(region.substr(dash + 1), is_digit, 1, 2);
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_lower_hex(text[i])) return false;
  }
  return true;
}

bool is_key_id(std::string_view text) {
  constexpr std::string_view kMultiRegion = "mrk-";
  if (!text.starts_with(kMultiRegion)) return is_uuid(text);
  return is_made_of(text.substr(kMultiRegion.size()), is_lower_hex, 32, 32);
}

}  // namespace

base::CodeInfo describe(KmsKeyArnErrc code) noexcept {
  switch (code) {
    case KmsKeyArnErrc::bad_key_arn:
      return {"bad_key_arn", "not the ARN of a KMS key"};
  }
  return {"unknown", "unknown error of a KMS key's ARN"};
}

Result<KmsKeyArn> KmsKeyArn::parse(std::string_view text) {
  constexpr std::size_t kParts = 6;
  std::array<std::string_view, kParts> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i + 1 < kParts; ++i) {
    const std::size_t end = rest.find(':');
    if (end == rest.npos) return bad("want arn:aws:kms:REGION:ACCOUNT:key/ID");
    parts[i] = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  parts[5] = rest;
  const auto [arn, partition, service, region, account, resource] = parts;
  if (arn != "arn" || service != "kms") return bad("it is not arn:PARTITION:kms:...");
  if (partition != "aws" && partition != "aws-us-gov") {
    return bad("its partition is neither aws nor aws-us-gov");
  }
  if (!is_region_of(partition, region)) return bad("its region is not one of the partition's");
  if (!is_made_of(account, is_digit, 12, 12)) return bad("its account is not 12 digits");
  constexpr std::string_view kKey = "key/";
  if (!resource.starts_with(kKey) || !is_key_id(resource.substr(kKey.size()))) {
    return bad(
        "its resource is not key/ and a UUID or mrk- id (an alias can be pointed elsewhere)");
  }
  KmsKeyArn out;
  out.text_ = text;
  out.partition_ = partition;
  out.region_ = region;
  out.account_ = account;
  out.key_id_ = resource.substr(kKey.size());
  return out;
}

}  // namespace concordat::policy
