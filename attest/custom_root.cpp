#include "attest/custom_root.hpp"

#include "attest/base/hash.hpp"
#include "attest/base/openssl.hpp"

namespace concordat::attest {

base::Result<TrustAnchors> trust_anchors_from_root(base::BytesView pem_or_der) {
  CONCORDAT_TRY(const base::X509Ptr certificate, base::parse_certificate(pem_or_der));
  // A second certificate would be passed over without a word, and trust nothing.
  constexpr std::string_view kBegin = "-----BEGIN ";
  const std::string_view text = base::as_text(pem_or_der);
  if (const std::size_t first = text.find(kBegin);
      text[0] != '\x30' && text.find(kBegin, first + 1) != text.npos) {
    return base::Error(base::CryptoErrc::bad_certificate, "more than one; want the root alone");
  }
  CONCORDAT_TRY(const base::Bytes der, base::certificate_der(certificate.get()));
  return TrustAnchors({{base::sha256({der}), RootKind::custom}});
}

}  // namespace concordat::attest
