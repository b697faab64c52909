// Attestation documents of a PKI made for one test, right by default and wrong where a test says
// so.
#pragma once

#include <functional>
#include <vector>

#include "attest/custom_root.hpp"
#include "attest/verify.hpp"
#include "deploy/lab/certificate.hpp"
#include "deploy/lab/document_writer.hpp"

namespace concordat::test {

// 2026-01-15T12:00:00Z: when the documents are made, unless told otherwise.
inline constexpr base::UnixMillis kMadeAt{1'768'478'400'000};

enum Place : std::size_t { root, regional, zonal, instance, leaf, kPlaces };

// Change profiles, keys or `touch`, then call `issue` (or `reissue` from a place on).
class TestChain {
 public:
  explicit TestChain(base::UnixMillis made_at = kMadeAt);

  // Makes the certificates from `first` down, with a new key each; those above stay.
  void issue(Place first = root);

  // A production enclave's document with all three optional fields, under the chain issued last.
  [[nodiscard]] lab::DocumentFields fields() const;
  // The COSE_Sign1, signed by the leaf's key.
  [[nodiscard]] base::Bytes document(const lab::DocumentFields& fields) const;
  [[nodiscard]] base::Bytes document() const { return document(fields()); }
  [[nodiscard]] attest::TrustAnchors anchors() const;

  [[nodiscard]] const base::Bytes& der(Place place) const { return ders_.at(place); }
  [[nodiscard]] EVP_PKEY* key(Place place) const { return chain_.at(place).key.get(); }

  std::vector<lab::CertificateProfile> profiles;
  // Makes the key of a certificate; P-384 by default.
  std::function<base::PkeyPtr(Place)> make_key;
  // Called with each certificate once signed; may change it and sign it again.
  std::function<void(Place, X509*, EVP_PKEY* issuer_key)> touch;

 private:
  base::UnixMillis made_at_;
  std::vector<lab::Credential> chain_;
  std::vector<base::Bytes> ders_;
};

// A value no other test value equals.
[[nodiscard]] attest::PcrValue pcr_of(std::uint8_t byte);
[[nodiscard]] base::Bytes nonce();

}  // namespace concordat::test
