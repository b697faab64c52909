#include "attest/roots.hpp"

#include "attest/base/hash.hpp"

namespace concordat::attest {
namespace {

// AWS_NitroEnclaves_Root-G1, CN=aws.nitro-enclaves. (AWS also publishes 8cf60e2b..., which is the
// fingerprint of the ZIP file, not of the certificate.)
constexpr std::array<std::uint8_t, 32> kAws{
    0x64, 0x1a, 0x03, 0x21, 0xa3, 0xe2, 0x44, 0xef, 0xe4, 0x56, 0x46, 0x31, 0x95, 0xd6, 0x06, 0x31,
    0x7e, 0xd7, 0xcd, 0xcc, 0x3c, 0x17, 0x56, 0xe0, 0x98, 0x93, 0xf3, 0xc6, 0x8f, 0x79, 0xbb, 0x5b};
// CN=aws-us-gov.nitro-enclaves.
constexpr std::array<std::uint8_t, 32> kAwsUsGov{
    0x20, 0xbc, 0xd3, 0x0a, 0x3e, 0x16, 0x8e, 0xa0, 0x37, 0x89, 0xe1, 0xc4, 0x59, 0x12, 0xbc, 0x12,
    0x3c, 0x4d, 0xe3, 0xc9, 0x77, 0xb8, 0xa6, 0xe1, 0xc1, 0x25, 0xc7, 0x92, 0x9d, 0x66, 0x8b, 0x3b};

}  // namespace

std::string_view name(RootKind root) noexcept {
  switch (root) {
    case RootKind::aws:
      return "aws";
    case RootKind::aws_us_gov:
      return "aws-us-gov";
    case RootKind::custom:
      return "custom";
  }
  return "unknown";
}

const TrustAnchors& TrustAnchors::aws() {
  static const TrustAnchors anchors({{base::Sha256Digest(kAws), RootKind::aws},
                                     {base::Sha256Digest(kAwsUsGov), RootKind::aws_us_gov}});
  return anchors;
}

std::optional<RootKind> TrustAnchors::find(base::BytesView certificate_der) const {
  const base::Sha256Digest fingerprint = base::sha256({certificate_der});
  for (const PinnedRoot& root : roots_) {
    if (root.fingerprint == fingerprint) return root.kind;
  }
  return std::nullopt;
}

}  // namespace concordat::attest
