// Is the lab's PKI of AWS's shape, does it renew what runs out, and is its root kept privately?
#include "deploy/lab/pki.hpp"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include "deploy/lab/error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::lab {
namespace {

using base::UnixMillis;
using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr UnixMillis kNow{1'766'678'659'346};
const std::string kInstance = "i-0827e799ec9232d44";
const std::string kModule = kInstance + "-enc019b5640fdf630d6";

struct Chain {
  std::vector<base::X509Ptr> certificates;  // root first, leaf last
};

Chain parse(const LeafCredential& leaf) {
  Chain chain;
  for (const base::Bytes& der : leaf.cabundle) {
    chain.certificates.push_back(base::parse_certificate_der(der).value());
  }
  chain.certificates.push_back(base::parse_certificate_der(leaf.certificate).value());
  return chain;
}

LeafCredential issue(Pki& pki, UnixMillis now) {
  return pki.issue_leaf(kInstance, kModule, now).value();
}

int verify(const Chain& chain, UnixMillis at) {
  const base::X509StorePtr store(X509_STORE_new());
  const base::X509StoreContextPtr context(X509_STORE_CTX_new());
  const base::X509StackPtr untrusted(sk_X509_new_null());
  X509_STORE_add_cert(store.get(), chain.certificates.front().get());
  for (const auto& certificate : chain.certificates) {
    X509_up_ref(certificate.get());
    sk_X509_push(untrusted.get(), certificate.get());
  }
  X509_STORE_CTX_init(context.get(), store.get(), chain.certificates.back().get(), untrusted.get());
  X509_STORE_CTX_set_time(context.get(), 0, at.value / 1000);
  X509_verify_cert(context.get());
  return X509_STORE_CTX_get_error(context.get());
}

milliseconds life(const X509* certificate) {
  return not_after(certificate).value() - not_before(certificate).value();
}

std::string common_name(const X509* certificate) {
  char text[256] = "";
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text);
  return text;
}

TEST(LabPki, ChainVerifiesFromRootToLeaf) {
  auto pki = Pki::create(kNow).value();
  const Chain chain = parse(issue(*pki, kNow));
  ASSERT_EQ(chain.certificates.size(), 5u);
  EXPECT_EQ(verify(chain, kNow), X509_V_OK);
  EXPECT_EQ(verify(chain, kNow + hours(4)), X509_V_ERR_CERT_HAS_EXPIRED);
}

TEST(LabPki, LifetimesAreThoseOfAws) {
  auto pki = Pki::create(kNow).value();
  const Chain chain = parse(issue(*pki, kNow));
  EXPECT_GE(life(chain.certificates[0].get()), days(30 * 365));
  EXPECT_EQ(life(chain.certificates[1].get()), days(20) + hours(1) - seconds(1));
  EXPECT_EQ(life(chain.certificates[2].get()), days(6) - hours(3) - seconds(1));
  EXPECT_EQ(life(chain.certificates[3].get()), hours(24));
  EXPECT_EQ(life(chain.certificates[4].get()), hours(3) + seconds(3));
  EXPECT_EQ(not_before(chain.certificates[4].get()).value().value, kNow.value / 1000 * 1000 - 3000);
}

TEST(LabPki, ExtensionsAreThoseOfAws) {
  auto pki = Pki::create(kNow).value();
  const Chain chain = parse(issue(*pki, kNow));
  constexpr std::uint32_t kAuthority = KU_DIGITAL_SIGNATURE | KU_KEY_CERT_SIGN | KU_CRL_SIGN;
  const std::uint32_t usages[] = {kAuthority, kAuthority, kAuthority, KU_KEY_CERT_SIGN,
                                  KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION};
  const long path_lengths[] = {-1, 2, 1, 0, -1};
  const bool crl[] = {false, true, true, false, false};
  for (std::size_t i = 0; i < 5; ++i) {
    X509* certificate = chain.certificates[i].get();
    EXPECT_EQ(X509_get_key_usage(certificate), usages[i]) << i;
    EXPECT_EQ(X509_get_pathlen(certificate), path_lengths[i]) << i;
    EXPECT_EQ((X509_get_extension_flags(certificate) & EXFLAG_CA) != 0, i < 4) << i;
    EXPECT_EQ(X509_get_ext_by_NID(certificate, NID_crl_distribution_points, -1) >= 0, crl[i]) << i;
    EXPECT_EQ(X509_get_signature_nid(certificate), NID_ecdsa_with_SHA384) << i;
    EXPECT_LE(base::certificate_der(certificate).value().size(), 1024u) << i;
  }
}

TEST(LabPki, NamesFollowAwsUnderThePartitionOfTheLab) {
  auto pki = Pki::create(kNow, "eu-north-1").value();
  const Chain chain = parse(issue(*pki, kNow));
  EXPECT_EQ(common_name(chain.certificates[0].get()), "concordat-lab.nitro-enclaves");
  EXPECT_TRUE(common_name(chain.certificates[2].get())
                  .ends_with(".zonal.eu-north-1.concordat-lab.nitro-enclaves"));
  EXPECT_EQ(common_name(chain.certificates[3].get()),
            kInstance + ".eu-north-1.concordat-lab.nitro-enclaves");
  EXPECT_EQ(common_name(chain.certificates[4].get()), kModule + ".eu-north-1.concordat-lab");
}

TEST(LabPki, EveryDocumentCarriesAChainThatOutlivesItsLeaf) {
  auto pki = Pki::create(kNow).value();
  std::size_t regionals = 0;
  base::Bytes last_regional;
  for (UnixMillis now = kNow; now < kNow + days(45); now = now + hours(29)) {
    const LeafCredential leaf = issue(*pki, now);
    const Chain chain = parse(leaf);
    ASSERT_EQ(verify(chain, now), X509_V_OK) << base::format_rfc3339(now);
    ASSERT_EQ(verify(chain, now + hours(3) - seconds(1)), X509_V_OK) << base::format_rfc3339(now);
    if (leaf.cabundle[1] != last_regional) ++regionals;
    last_regional = leaf.cabundle[1];
    EXPECT_EQ(leaf.cabundle[0], pki->root_der());
  }
  EXPECT_GE(regionals, 2u);
  EXPECT_LE(regionals, 6u);
}

TEST(LabPki, InstancesHaveAuthoritiesOfTheirOwn) {
  auto pki = Pki::create(kNow).value();
  const auto one = pki->issue_leaf("i-00000000000000001", kModule, kNow).value();
  const auto two = pki->issue_leaf("i-00000000000000002", kModule, kNow).value();
  EXPECT_EQ(one.cabundle[2], two.cabundle[2]);
  EXPECT_NE(one.cabundle[3], two.cabundle[3]);
}

TEST(LabPki, ReopenedDirectoryKeepsItsRoot) {
  const test::TemporaryFolder directory;
  const auto first = Pki::open(directory.path() / "state", kNow).value()->root_der();
  auto again = Pki::open(directory.path() / "state", kNow + days(300)).value();
  EXPECT_EQ(again->root_der(), first);
  EXPECT_EQ(verify(parse(issue(*again, kNow + days(300))), kNow + days(300)), X509_V_OK);
}

TEST(LabPki, KeyAndDirectoryAreTheOwnersAlone) {
  const test::TemporaryFolder directory;
  const auto state = directory.path() / "state";
  ASSERT_TRUE(Pki::open(state, kNow));
  struct stat status {};
  ASSERT_EQ(::stat(state.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat((state / "root.key").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);

  ASSERT_EQ(::chmod(state.c_str(), 0755), 0);
  const auto refused = Pki::open(state, kNow);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(LabErrc::bad_state));
}

TEST(LabPki, RefusesARootWithTheKeyOfAnother) {
  const test::TemporaryFolder directory;
  ASSERT_TRUE(Pki::open(directory.path() / "a", kNow));
  ASSERT_TRUE(Pki::open(directory.path() / "b", kNow));
  std::filesystem::copy_file(directory.path() / "a" / "root.key",
                             directory.path() / "b" / "root.key",
                             std::filesystem::copy_options::overwrite_existing);
  const auto refused = Pki::open(directory.path() / "b", kNow);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().is(LabErrc::bad_state));
}

}  // namespace
}  // namespace concordat::lab
