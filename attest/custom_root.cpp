#include "attest/custom_root.hpp"

#include "attest/base/hash.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::attest {

base::Result<TrustAnchors> trust_anchors_from_root(base::BytesView pem_or_der) {
  CONCORDAT_TRY(const base::X509Ptr certificate, base::parse_certificate(pem_or_der));
  CONCORDAT_TRY(const base::Bytes der, base::certificate_der(certificate.get()));
  return TrustAnchors({{base::sha256({der}), RootKind::custom}});
}

}  // namespace concordat::attest
