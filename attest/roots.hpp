// Which root certificates a verifier trusts: SHA-256 fingerprints of their DER, nothing else. The
// certificate itself comes with every document (cabundle[0]), so there is no root file to fetch.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "attest/certificate.hpp"

namespace concordat::attest {

// One root per AWS partition; `custom` exists only in offline commands and lab programs.
enum class RootKind { aws, aws_us_gov, custom };
// "aws", "aws-us-gov", "custom".
[[nodiscard]] std::string_view name(RootKind root) noexcept;

struct PinnedRoot {
  base::Sha256Digest fingerprint;
  RootKind kind;
};

struct TrustedRoot {
  RootKind kind;
  Certificate certificate;
};

// Copies share what they remember; thread-safe.
class TrustAnchors {
 public:
  // AWS's commercial and GovCloud roots (AWS Nitro Enclaves user guide, "Verifying the root of
  // trust"; the GovCloud user guide).
  [[nodiscard]] static const TrustAnchors& aws();

  // nullopt: not trusted. Looks at the certificate's bytes only; whoever pins a fingerprint has
  // no need of the root's signature over itself.
  [[nodiscard]] std::optional<RootKind> find(base::BytesView certificate_der) const;
  // The same, with the certificate parsed: once for each root, since a pinned one cannot change.
  // untrusted_root, or a code of parse_certificate for "cabundle[0]".
  [[nodiscard]] base::Result<TrustedRoot> open(base::BytesView certificate_der) const;
  [[nodiscard]] const std::vector<PinnedRoot>& roots() const noexcept { return roots_; }

 private:
  class Parsed;
  explicit TrustAnchors(std::vector<PinnedRoot> roots);
  // Defined in custom_root.cpp only: a program that does not link it cannot trust another root.
  friend base::Result<TrustAnchors> trust_anchors_from_root(base::BytesView pem_or_der);

  std::vector<PinnedRoot> roots_;
  std::shared_ptr<Parsed> parsed_;
};

}  // namespace concordat::attest
