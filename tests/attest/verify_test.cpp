// Every rule of verification, each broken once in an otherwise right document.
#include "attest/verify.hpp"

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "tests/support/test_chain.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::UnixMillis;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::kMadeAt;
using test::Place;
using test::TestChain;

using Outcome = base::Result<VerifiedClaims>;

std::string code_of(const Outcome& outcome) {
  return outcome ? "accepted" : std::string(outcome.error().name());
}
std::string detail_of(const Outcome& outcome) {
  return outcome ? "" : outcome.error().detail();
}

Outcome archived(const TestChain& chain, const Bytes& document, UnixMillis at = kMadeAt,
                 DebugDocuments debug = DebugDocuments::refuse) {
  CONCORDAT_TRY(const auto parsed, UnverifiedDocument::parse(document));
  return verify_archived(parsed, chain.anchors(), at, debug);
}
Outcome archived(const TestChain& chain) {
  return archived(chain, chain.document());
}

Outcome live(const TestChain& chain, const lab::DocumentFields& fields, UnixMillis now,
             const Bytes& nonce = test::nonce()) {
  CONCORDAT_TRY(const auto parsed, UnverifiedDocument::parse(chain.document(fields)));
  ChainCache cache;
  return verify_live(parsed, chain.anchors(), cache, {.now = now, .nonce = nonce});
}

void set_extension(lab::CertificateProfile& profile, int nid, const char* value) {
  std::erase_if(profile.extensions, [nid](const auto& entry) { return entry.nid == nid; });
  if (value) profile.extensions.push_back({nid, value});
}

// The chain with one extension of one certificate replaced, or left out when `value` is null.
TestChain with_extension(Place place, int nid, const char* value) {
  TestChain chain;
  set_extension(chain.profiles[place], nid, value);
  chain.issue(place);
  return chain;
}

TestChain with_touch(Place place, std::function<void(X509*, EVP_PKEY*)> touch) {
  TestChain chain;
  chain.touch = [=](Place at, X509* certificate, EVP_PKEY* issuer_key) {
    if (at == place) touch(certificate, issuer_key);
  };
  chain.issue(place);
  return chain;
}

TestChain with_key(Place place, base::PkeyPtr (*make)()) {
  TestChain chain;
  chain.make_key = [=](Place at) {
    return at == place ? make() : lab::generate_p384_key().value();
  };
  chain.issue(place);
  return chain;
}

TEST(Verify, ClaimsAreTheDocumentsFields) {
  const TestChain chain;
  const auto claims = archived(chain);
  ASSERT_TRUE(claims) << code_of(claims) << detail_of(claims);
  EXPECT_EQ(claims->module_id(), "i-0123456789abcdef0-enc0123456789abcdef");
  EXPECT_EQ(claims->timestamp(), kMadeAt);
  EXPECT_EQ(claims->pcrs().size(), 5u);
  EXPECT_EQ(claims->pcr(4), test::pcr_of(4));
  EXPECT_EQ(claims->pcr(5), std::nullopt);
  EXPECT_EQ(claims->pcr(256), std::nullopt);  // not index 0 of a narrower type
  EXPECT_EQ(claims->public_key(), (Bytes{0x70, 0x6b}));
  EXPECT_EQ(claims->user_data(), Bytes{});
  EXPECT_EQ(claims->nonce(), test::nonce());
  EXPECT_FALSE(claims->debug());
  EXPECT_EQ(claims->root(), RootKind::custom);
  EXPECT_EQ(claims->leaf_not_before(), kMadeAt - seconds(3));
  EXPECT_EQ(claims->leaf_not_after(), kMadeAt + hours(3));
}

TEST(Verify, RootIsTheFirstOfTheBundleAndPinned) {
  const TestChain chain;
  const auto parsed = UnverifiedDocument::parse(chain.document());
  ASSERT_TRUE(parsed);
  EXPECT_EQ(code_of(verify_archived(*parsed, TrustAnchors::aws(), kMadeAt, DebugDocuments::allow)),
            "untrusted_root");
  auto fields = chain.fields();
  std::swap(fields.cabundle[0], fields.cabundle[1]);
  EXPECT_EQ(code_of(archived(chain, chain.document(fields))), "untrusted_root");
  fields = chain.fields();
  fields.cabundle.erase(fields.cabundle.begin());
  EXPECT_EQ(code_of(archived(chain, chain.document(fields))), "untrusted_root");
  // The same name and serial under another key.
  EXPECT_EQ(code_of(archived(TestChain(), chain.document())), "untrusted_root");
}

TEST(Verify, ShorterAndLongerChainsOfTheRightShape) {
  TestChain chain;
  set_extension(chain.profiles[test::instance], NID_basic_constraints, "critical,CA:FALSE");
  set_extension(chain.profiles[test::instance], NID_key_usage, "digitalSignature");
  chain.issue(test::instance);
  // The instance's certificate as leaf, under three CAs.
  auto fields = chain.fields();
  fields.certificate = fields.cabundle.back();
  fields.cabundle.pop_back();
  const Bytes document =
      lab::sign_document(lab::encode_payload(fields), chain.key(test::instance)).value();
  EXPECT_EQ(code_of(archived(chain, document)), "accepted");
}

TEST(Verify, NoCertificateOfTheBundleIsSkipped) {
  const TestChain chain;
  const auto good = chain.fields();
  const auto code_with = [&](std::vector<Bytes> bundle) {
    auto fields = good;
    fields.cabundle = std::move(bundle);
    return code_of(archived(chain, chain.document(fields)));
  };
  const auto& b = good.cabundle;
  EXPECT_EQ(code_with({b[0], b[1], b[2], b[3]}), "accepted");
  EXPECT_EQ(code_with({b[0], b[2], b[3]}), "chain_broken");
  EXPECT_EQ(code_with({b[0], b[2], b[1], b[3]}), "chain_broken");
  EXPECT_EQ(code_with({b[0], b[1], b[1], b[2], b[3]}), "chain_broken");
  EXPECT_EQ(code_with({b[0], b[0], b[1], b[2], b[3]}), "chain_broken");
  EXPECT_EQ(code_with({b[0], b[1], b[2], b[3], b[3]}), "chain_broken");
  EXPECT_EQ(code_with({b[0]}), "chain_broken");
  const TestChain other;
  EXPECT_EQ(code_with({b[0], other.der(test::regional), b[1], b[2], b[3]}), "chain_broken");
}

TEST(Verify, AuthoritiesMustBeAuthorities) {
  for (const Place place : {test::regional, test::zonal, test::instance}) {
    const auto not_ca = archived(with_extension(place, NID_basic_constraints, "critical,CA:FALSE"));
    EXPECT_EQ(code_of(not_ca), "ca_without_basic_constraints");
    EXPECT_EQ(detail_of(not_ca), "cabundle[" + std::to_string(place) + "]");
    EXPECT_EQ(code_of(archived(with_extension(place, NID_basic_constraints, nullptr))),
              "ca_without_basic_constraints");
    EXPECT_EQ(code_of(archived(with_extension(place, NID_key_usage, "critical,cRLSign"))),
              "ca_without_cert_sign");
    EXPECT_EQ(code_of(archived(with_extension(place, NID_key_usage, nullptr))),
              "ca_without_cert_sign");
  }
}

TEST(Verify, LeafMustBeALeaf) {
  const auto code_with = [](int nid, const char* value) {
    return code_of(archived(with_extension(test::leaf, nid, value)));
  };
  EXPECT_EQ(code_with(NID_basic_constraints, "critical,CA:TRUE"), "leaf_is_ca");
  EXPECT_EQ(code_with(NID_basic_constraints, "critical,CA:TRUE,pathlen:0"), "leaf_is_ca");
  EXPECT_EQ(code_with(NID_basic_constraints, nullptr), "accepted");
  EXPECT_EQ(code_with(NID_key_usage, "nonRepudiation"), "leaf_without_digital_signature");
  EXPECT_EQ(code_with(NID_key_usage, "keyCertSign"), "leaf_without_digital_signature");
  EXPECT_EQ(code_with(NID_key_usage, nullptr), "leaf_without_digital_signature");
}

TEST(Verify, PathLengths) {
  const auto exceeded =
      archived(with_extension(test::regional, NID_basic_constraints, "critical,CA:TRUE,pathlen:1"));
  EXPECT_EQ(code_of(exceeded), "path_length_exceeded");
  EXPECT_EQ(code_of(archived(
                with_extension(test::root, NID_basic_constraints, "critical,CA:TRUE,pathlen:3"))),
            "accepted");
  EXPECT_EQ(code_of(archived(
                with_extension(test::root, NID_basic_constraints, "critical,CA:TRUE,pathlen:2"))),
            "path_length_exceeded");
}

base::PkeyPtr p256() {
  return base::PkeyPtr(EVP_EC_gen("P-256"));
}
base::PkeyPtr rsa() {
  return base::PkeyPtr(EVP_RSA_gen(2048));
}
// P-384, but its parameters spelled out: curves of an attacker's own making look like this.
base::PkeyPtr explicit_p384() {
  const base::PkeyContextPtr context(EVP_PKEY_CTX_new_id(EVP_PKEY_EC, nullptr));
  EVP_PKEY_keygen_init(context.get());
  EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context.get(), NID_secp384r1);
  EVP_PKEY_CTX_set_ec_param_enc(context.get(), OPENSSL_EC_EXPLICIT_CURVE);
  EVP_PKEY* key = nullptr;
  EVP_PKEY_keygen(context.get(), &key);
  return base::PkeyPtr(key);
}

TEST(Verify, EveryKeyOnTheNamedCurveP384) {
  for (const auto make : {p256, rsa, explicit_p384}) {
    EXPECT_EQ(code_of(archived(with_key(test::zonal, make))), "certificate_not_p384");
  }
  // A leaf cannot sign ES384 with another key; its certificate is refused before that matters.
  TestChain chain = with_key(test::leaf, explicit_p384);
  EXPECT_EQ(code_of(archived(chain)), "certificate_not_p384");
}

TEST(Verify, EverySignatureIsEcdsaWithSha384) {
  for (const Place place : {test::root, test::regional, test::leaf}) {
    const TestChain chain =
        with_touch(place, [](X509* x509, EVP_PKEY* key) { X509_sign(x509, key, EVP_sha256()); });
    EXPECT_EQ(code_of(archived(chain)), "certificate_not_ecdsa_sha384");
  }
}

TEST(Verify, CertificatesAreX509VersionThree) {
  const TestChain version_one = with_touch(test::leaf, [](X509* x509, EVP_PKEY* key) {
    X509_set_version(x509, X509_VERSION_1);
    X509_sign(x509, key, EVP_sha384());
  });
  EXPECT_EQ(code_of(archived(version_one)), "bad_certificate");
  const TestChain chain;
  auto fields = chain.fields();
  fields.certificate.push_back(0);
  EXPECT_EQ(code_of(archived(chain, chain.document(fields))), "bad_certificate");
  fields = chain.fields();
  fields.cabundle[2] = Bytes(64, 0);  // what QEMU's unsigned documents hold
  const auto outcome = archived(chain, chain.document(fields));
  EXPECT_EQ(code_of(outcome), "bad_certificate");
  EXPECT_EQ(detail_of(outcome), "cabundle[2]");
}

TEST(Verify, EveryCertificatesSignatureCounts) {
  for (const Place place : {test::regional, test::zonal, test::instance, test::leaf}) {
    const TestChain chain = with_touch(place, [](X509* x509, EVP_PKEY*) {
      X509_sign(x509, lab::generate_p384_key().value().get(), EVP_sha384());
    });
    const auto outcome = archived(chain);
    EXPECT_EQ(code_of(outcome), "certificate_signature_invalid");
    EXPECT_EQ(detail_of(outcome),
              place == test::leaf ? "certificate" : "cabundle[" + std::to_string(place) + "]");
  }
}

void add_critical_unknown(X509* x509, EVP_PKEY* key) {
  static const int nid = OBJ_create("1.3.6.1.4.1.99999.1", "cdtTest", "concordat test");
  ASN1_OCTET_STRING* value = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(value, reinterpret_cast<const unsigned char*>("\x05\x00"), 2);
  X509_EXTENSION* extension = X509_EXTENSION_create_by_NID(nullptr, nid, 1, value);
  X509_add_ext(x509, extension, -1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
  X509_sign(x509, key, EVP_sha384());
}

TEST(Verify, CriticalExtensionsThatNobodyEvaluatesRefuse) {
  for (const Place place : {test::root, test::regional, test::zonal, test::instance, test::leaf}) {
    const std::string where =
        place == test::leaf ? "certificate" : "cabundle[" + std::to_string(place) + "]";
    const auto unknown = archived(with_touch(place, add_critical_unknown));
    EXPECT_EQ(code_of(unknown), "chain_invalid");
    EXPECT_EQ(detail_of(unknown),
              where + ": critical extension 1.3.6.1.4.1.99999.1 is not evaluated");
    // OpenSSL knows these two and, asked for no purpose and no policy, lets them pass.
    const auto purposes = archived(with_extension(place, NID_ext_key_usage, "critical,serverAuth"));
    EXPECT_EQ(code_of(purposes), "chain_invalid");
    EXPECT_EQ(detail_of(purposes), where + ": critical extension 2.5.29.37 is not evaluated");
    const auto policies =
        archived(with_extension(place, NID_policy_constraints, "critical,requireExplicitPolicy:0"));
    EXPECT_EQ(code_of(policies), "chain_invalid");
  }
}

TEST(Verify, OtherExtensionsAreOfNoMatterUnlessCritical) {
  EXPECT_EQ(code_of(archived(with_extension(test::leaf, NID_ext_key_usage, "serverAuth"))),
            "accepted");
  EXPECT_EQ(code_of(archived(with_extension(test::zonal, NID_netscape_comment, "text"))),
            "accepted");
}

TEST(Verify, CertificatesAtTheVerifiersTimeBothEndsIncluded) {
  const TestChain chain;
  const Bytes document = chain.document();
  const auto code_at = [&](UnixMillis at) { return code_of(archived(chain, document, at)); };
  EXPECT_EQ(code_at(kMadeAt - seconds(3)), "accepted");
  EXPECT_EQ(code_at(kMadeAt - seconds(3) - milliseconds(1)), "certificate_not_yet_valid");
  EXPECT_EQ(code_at(kMadeAt + hours(3)), "accepted");
  EXPECT_EQ(code_at(kMadeAt + hours(3) + milliseconds(1)), "certificate_expired");
}

TEST(Verify, AuthoritiesExpireToo) {
  for (const Place place : {test::root, test::regional, test::zonal, test::instance}) {
    TestChain chain;
    chain.profiles[place].not_after = kMadeAt - seconds(1);
    chain.issue(place);
    const auto expired = archived(chain);
    EXPECT_EQ(code_of(expired), "certificate_expired");
    EXPECT_TRUE(detail_of(expired).starts_with("cabundle[" + std::to_string(place) + "]"));
    chain.profiles[place].not_before = kMadeAt + seconds(1);
    chain.profiles[place].not_after = kMadeAt + hours(1);
    chain.issue(place);
    EXPECT_EQ(code_of(archived(chain)), "certificate_not_yet_valid");
  }
}

TEST(Verify, TheLeafAndNoOtherKeySigned) {
  const TestChain chain;
  const Bytes payload = lab::encode_payload(chain.fields());
  const auto code_signed_by = [&](EVP_PKEY* key) {
    return code_of(archived(chain, lab::sign_document(payload, key).value()));
  };
  EXPECT_EQ(code_signed_by(chain.key(test::leaf)), "accepted");
  EXPECT_EQ(code_signed_by(chain.key(test::instance)), "signature_invalid");
  EXPECT_EQ(code_signed_by(lab::generate_p384_key().value().get()), "signature_invalid");
  Bytes document = chain.document();
  document.back() ^= 1;
  EXPECT_EQ(code_of(archived(chain, document)), "signature_invalid");
  std::fill(document.end() - 96, document.end(), 0);
  EXPECT_EQ(code_of(archived(chain, document)), "signature_invalid");
  std::fill(document.end() - 96, document.end(), 0xff);
  EXPECT_EQ(code_of(archived(chain, document)), "signature_invalid");
}

TEST(Verify, DebugIsAnyOfTheImagePcrsZero) {
  const TestChain chain;
  const auto code_with = [&](std::map<std::uint8_t, PcrValue> pcrs, DebugDocuments debug) {
    auto fields = chain.fields();
    fields.pcrs = std::move(pcrs);
    return code_of(archived(chain, chain.document(fields), kMadeAt, debug));
  };
  const PcrValue zero;
  const PcrValue some = test::pcr_of(9);
  using enum DebugDocuments;
  EXPECT_EQ(code_with({{0, zero}, {1, zero}, {2, zero}, {4, some}}, refuse), "debug_mode");
  EXPECT_EQ(code_with({{0, zero}, {1, zero}, {2, zero}, {4, some}}, allow), "accepted");
  EXPECT_EQ(code_with({{0, zero}, {1, some}, {2, some}}, refuse), "debug_mode");
  EXPECT_EQ(code_with({{0, some}, {1, zero}, {2, some}}, refuse), "debug_mode");
  EXPECT_EQ(code_with({{0, some}, {1, some}, {2, zero}}, refuse), "debug_mode");
  EXPECT_EQ(code_with({{2, zero}}, refuse), "debug_mode");
  EXPECT_EQ(code_with({{0, some}, {3, zero}, {8, zero}}, refuse), "accepted");
  EXPECT_EQ(code_with({{3, some}, {4, some}}, refuse), "image_pcrs_missing");
  EXPECT_EQ(code_with({{3, some}, {4, some}}, allow), "image_pcrs_missing");
}

lab::DocumentFields debug_fields(const TestChain& chain) {
  auto fields = chain.fields();
  fields.pcrs[0] = fields.pcrs[1] = fields.pcrs[2] = PcrValue();
  return fields;
}

TEST(VerifyArchived, SaysWhetherItWasDebug) {
  const TestChain chain;
  const auto fields = debug_fields(chain);
  const auto claims = archived(chain, chain.document(fields), kMadeAt, DebugDocuments::allow);
  ASSERT_TRUE(claims);
  EXPECT_TRUE(claims->debug());
}

TEST(VerifyLive, NeverTakesDebugDocuments) {
  const TestChain chain;
  const auto fields = debug_fields(chain);
  EXPECT_EQ(code_of(live(chain, fields, kMadeAt)), "debug_mode");
}

TEST(VerifyLive, AgeIsLimitedBothWays) {
  const TestChain chain(kMadeAt - hours(1));  // a leaf long in use, as NSM's are
  auto fields = chain.fields();
  fields.timestamp = kMadeAt;
  const auto code_at = [&](milliseconds offset) {
    return code_of(live(chain, fields, kMadeAt + offset));
  };
  EXPECT_EQ(code_at(milliseconds(0)), "accepted");
  EXPECT_EQ(code_at(std::chrono::minutes(5)), "accepted");
  EXPECT_EQ(code_at(std::chrono::minutes(5) + milliseconds(1)), "document_too_old");
  EXPECT_EQ(code_at(-seconds(30)), "accepted");
  EXPECT_EQ(code_at(-seconds(30) - milliseconds(1)), "document_from_future");
}

TEST(VerifyLive, TimestampsAtTheEndsOfTimeDoNotOverflow) {
  const TestChain chain;
  auto fields = chain.fields();
  fields.timestamp = UnixMillis{253'402'300'799'999};
  EXPECT_EQ(code_of(live(chain, fields, kMadeAt)), "document_from_future");
  fields.timestamp = UnixMillis{1};
  EXPECT_EQ(code_of(live(chain, fields, kMadeAt)), "document_too_old");
}

TEST(VerifyLive, TheNonceIsTheOneAskedFor) {
  const TestChain chain;
  auto fields = chain.fields();
  const auto code_for = [&](const Bytes& asked) {
    return code_of(live(chain, fields, kMadeAt, asked));
  };
  EXPECT_EQ(code_for(test::nonce()), "accepted");
  Bytes longer = test::nonce();
  longer.push_back(0);
  EXPECT_EQ(code_for(longer), "nonce_mismatch");
  EXPECT_EQ(code_for(Bytes(31, 0x6e)), "nonce_mismatch");
  EXPECT_EQ(code_for({}), "nonce_mismatch");
  fields.nonce = Bytes{};
  EXPECT_EQ(code_for({}), "nonce_mismatch");  // nobody chose that challenge
  fields.nonce = std::nullopt;
  EXPECT_EQ(code_for(test::nonce()), "nonce_missing");
  EXPECT_EQ(code_for({}), "nonce_missing");
}

TEST(VerifyLive, CertificatesMustBeValidNow) {
  const TestChain chain;
  EXPECT_EQ(code_of(live(chain, chain.fields(), kMadeAt + hours(4))), "certificate_expired");
}

TEST(RequirePcr, AbsentIsNotZero) {
  const TestChain chain;
  const auto claims = archived(chain);
  ASSERT_TRUE(claims);
  EXPECT_TRUE(require_pcr(*claims, 0, test::pcr_of(1)));
  EXPECT_TRUE(require_pcr(*claims, 3, PcrValue()));
  EXPECT_TRUE(require_pcr(*claims, 0, test::pcr_of(2)).error().is(Errc::pcr_mismatch));
  EXPECT_TRUE(require_pcr(*claims, 7, PcrValue()).error().is(Errc::pcr_missing));
  EXPECT_TRUE(require_pcr(*claims, 32, PcrValue()).error().is(Errc::pcr_missing));
}

}  // namespace
}  // namespace concordat::attest
