#include "tests/support/test_chain.hpp"

#include <openssl/x509v3.h>

namespace concordat::test {
namespace {

using base::Bytes;
using std::chrono::hours;

constexpr const char* kAuthorityUsage = "critical,digitalSignature,keyCertSign,cRLSign";

lab::CertificateProfile profile(const char* name, std::uint8_t serial, base::UnixMillis from,
                                base::UnixMillis until, const char* constraints,
                                const char* usage) {
  return {.subject = {{"CN", name}},
          .serial = {serial},
          .not_before = from,
          .not_after = until,
          .extensions = {{NID_basic_constraints, constraints}, {NID_key_usage, usage}}};
}

}  // namespace

attest::PcrValue pcr_of(std::uint8_t byte) {
  return attest::PcrValue::from(Bytes(48, byte)).value();
}

Bytes nonce() {
  return Bytes(32, 0x6e);
}

TestChain::TestChain(base::UnixMillis t)
    : profiles{profile("root.test", 1, t - hours(1000), t + hours(100'000), "critical,CA:TRUE",
                       kAuthorityUsage),
               profile("regional.test", 2, t - hours(100), t + hours(380),
                       "critical,CA:TRUE,pathlen:2", kAuthorityUsage),
               profile("zonal.test", 3, t - hours(20), t + hours(120), "critical,CA:TRUE,pathlen:1",
                       kAuthorityUsage),
               profile("instance.test", 4, t - hours(2), t + hours(22),
                       "critical,CA:TRUE,pathlen:0", "critical,keyCertSign"),
               profile("leaf.test", 5, t - std::chrono::seconds(3), t + hours(3),
                       "critical,CA:FALSE", "digitalSignature,nonRepudiation")},
      make_key([](Place) { return lab::generate_p384_key().value(); }),
      made_at_(t) {
  issue();
}

void TestChain::issue(Place first) {
  chain_.resize(first);
  ders_.resize(first);
  for (std::size_t i = first; i < kPlaces; ++i) {
    const auto place = static_cast<Place>(i);
    const lab::Credential* issuer = i == root ? nullptr : &chain_.back();
    lab::Credential made;
    made.key = make_key(place);
    made.certificate = lab::make_certificate(profiles.at(i), made.key.get(), issuer).value();
    EVP_PKEY* issuer_key = issuer ? issuer->key.get() : made.key.get();
    if (touch) touch(place, made.certificate.get(), issuer_key);
    ders_.push_back(base::certificate_der(made.certificate.get()).value());
    chain_.push_back(std::move(made));
  }
}

lab::DocumentFields TestChain::fields() const {
  return {.module_id = "i-0123456789abcdef0-enc0123456789abcdef",
          .timestamp = made_at_,
          .pcrs = {{0, pcr_of(1)}, {1, pcr_of(2)}, {2, pcr_of(3)}, {3, pcr_of(0)}, {4, pcr_of(4)}},
          .certificate = ders_.at(leaf),
          .cabundle = {ders_.begin(), ders_.begin() + leaf},
          .public_key = Bytes{0x70, 0x6b},
          .user_data = Bytes{},
          .nonce = nonce()};
}

Bytes TestChain::document(const lab::DocumentFields& fields) const {
  return lab::sign_document(lab::encode_payload(fields), key(leaf)).value();
}

attest::TrustAnchors TestChain::anchors() const {
  return attest::trust_anchors_from_root(ders_.at(root)).value();
}

}  // namespace concordat::test
