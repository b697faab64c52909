#include <algorithm>
#include <array>

#include "keyservice/kms.hpp"

namespace concordat::keyservice {
namespace {

using base::Error;
using base::Result;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_lower_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

Error bad(std::string detail) {
  return Error(KmsErrc::bad_key_arn, std::move(detail));
}

// us-east-1, ap-southeast-2, us-gov-west-1: it becomes part of a host name, so nothing but the
// characters of a label may pass.
bool is_region(std::string_view text) {
  return text.size() >= 6 && text.size() <= 32 && is_lower(text.front()) && is_digit(text.back()) &&
         text.find('-') != std::string_view::npos && text.find("--") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) { return is_lower(c) || is_digit(c) || c == '-'; });
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
  text.remove_prefix(kMultiRegion.size());
  return text.size() == 32 && std::ranges::all_of(text, is_lower_hex);
}

bool region_matches_partition(std::string_view partition, std::string_view region) {
  const bool gov = region.starts_with("us-gov-");
  return partition == "aws-us-gov" ? gov : !gov && !region.starts_with("cn-");
}

}  // namespace

Result<KmsKeyArn> KmsKeyArn::parse(std::string_view text) {
  constexpr std::size_t kParts = 6;
  std::array<std::string_view, kParts> parts;
  std::string_view rest = text;
  for (std::size_t i = 0; i + 1 < kParts; ++i) {
    const std::size_t end = rest.find(':');
    if (end == std::string_view::npos) return bad("want arn:aws:kms:REGION:ACCOUNT:key/ID");
    parts[i] = rest.substr(0, end);
    rest.remove_prefix(end + 1);
  }
  parts[5] = rest;
  const auto [arn, partition, service, region, account, resource] = parts;
  if (arn != "arn" || service != "kms") return bad("not the ARN of a KMS key");
  if (partition != "aws" && partition != "aws-us-gov") {
    return bad("partition is neither aws nor aws-us-gov");
  }
  if (!is_region(region) || !region_matches_partition(partition, region)) {
    return bad("region is not one of the partition's");
  }
  if (account.size() != 12 || !std::ranges::all_of(account, is_digit)) {
    return bad("account is not 12 digits");
  }
  constexpr std::string_view kKey = "key/";
  if (!resource.starts_with(kKey) || !is_key_id(resource.substr(kKey.size()))) {
    return bad("resource is not key/ and a key id (aliases are not taken)");
  }
  KmsKeyArn out;
  out.text_ = text;
  out.partition_ = partition;
  out.region_ = region;
  out.account_ = account;
  out.key_id_ = resource.substr(kKey.size());
  return out;
}

std::string KmsKeyArn::host() const {
  return "kms." + region_ + ".amazonaws.com";
}

}  // namespace concordat::keyservice
