#include "attest/roots.hpp"

#include <map>
#include <mutex>

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

// The roots seen so far, by fingerprint; never more than there are pins.
class TrustAnchors::Parsed {
 public:
  base::Result<Certificate> get(const base::Sha256Digest& fingerprint, base::BytesView der) {
    const std::lock_guard lock(mutex_);
    auto known = known_.find(fingerprint);
    if (known == known_.end()) {
      CONCORDAT_TRY(Certificate certificate, parse_certificate(der, "cabundle[0]"));
      known = known_.emplace(fingerprint, std::move(certificate)).first;
    }
    X509* x509 = known->second.x509.get();
    if (X509_up_ref(x509) != 1) return base::openssl_error("sharing a certificate");
    return Certificate{base::X509Ptr(x509), known->second.validity};
  }

 private:
  std::mutex mutex_;
  std::map<base::Sha256Digest, Certificate> known_;
};

TrustAnchors::TrustAnchors(std::vector<PinnedRoot> roots)
    : roots_(std::move(roots)), parsed_(std::make_shared<Parsed>()) {}

std::optional<RootKind> TrustAnchors::find(base::BytesView certificate_der) const {
  const auto root = open(certificate_der);
  return root ? std::optional(root->kind) : std::nullopt;
}

base::Result<TrustedRoot> TrustAnchors::open(base::BytesView certificate_der) const {
  const base::Sha256Digest fingerprint = base::sha256({certificate_der});
  for (const PinnedRoot& root : roots_) {
    if (root.fingerprint != fingerprint) continue;
    CONCORDAT_TRY(Certificate certificate, parsed_->get(fingerprint, certificate_der));
    return TrustedRoot{root.kind, std::move(certificate)};
  }
  return base::Error(Errc::untrusted_root, "its SHA-256 is " + fingerprint.hex());
}

}  // namespace concordat::attest
