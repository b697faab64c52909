// What the cache saves, and that it never answers where a full verification would have refused.
#include "attest/chain_cache.hpp"

#include <gtest/gtest.h>
#include <openssl/x509v3.h>

#include <thread>

#include "tests/support/test_chain.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::UnixMillis;
using std::chrono::hours;
using std::chrono::seconds;
using test::kMadeAt;
using test::TestChain;

std::string verify(ChainCache& cache, const TestChain& chain, const Bytes& bytes,
                   UnixMillis now = kMadeAt) {
  const auto document = UnverifiedDocument::parse(bytes);
  if (!document) return std::string(document.error().name());
  // Wide limits: these tests move the clock to where certificates end.
  const auto claims = verify_live(*document, chain.anchors(), cache,
                                  {.now = now,
                                   .max_age = hours(1'000'000),
                                   .max_future = hours(1'000'000),
                                   .nonce = *document->unverified().nonce});
  return claims ? "accepted" : std::string(claims.error().name());
}

struct Seen {
  std::uint64_t misses, path_hits, leaf_hits;
  friend bool operator==(const Seen&, const Seen&) = default;
};
Seen seen(const ChainCache& cache) {
  const auto counts = cache.counts();
  return {counts.misses, counts.path_hits, counts.leaf_hits};
}

TEST(ChainCache, KnownLeafThenKnownPath) {
  ChainCache cache;
  TestChain chain;
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  EXPECT_EQ(seen(cache), (Seen{1, 0, 0}));
  auto fields = chain.fields();
  fields.nonce = Bytes(32, 7);
  EXPECT_EQ(verify(cache, chain, chain.document(fields)), "accepted");
  EXPECT_EQ(seen(cache), (Seen{1, 0, 1}));
  chain.issue(test::leaf);
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  EXPECT_EQ(seen(cache), (Seen{1, 1, 1}));
  EXPECT_EQ(cache.counts().paths, 1u);
  EXPECT_EQ(cache.counts().leaves, 2u);
}

TEST(ChainCache, NeverTheDocumentsSignature) {
  ChainCache cache;
  const TestChain chain;
  const Bytes good = chain.document();
  EXPECT_EQ(verify(cache, chain, good), "accepted");
  Bytes bad = good;
  bad.back() ^= 1;
  EXPECT_EQ(verify(cache, chain, bad), "signature_invalid");
  EXPECT_EQ(verify(cache, chain, bad), "signature_invalid");
  const Bytes forged =
      lab::sign_document(lab::encode_payload(chain.fields()), chain.key(test::instance)).value();
  EXPECT_EQ(verify(cache, chain, forged), "signature_invalid");
}

TEST(ChainCache, ExpiryOfTheLeafDropsIt) {
  ChainCache cache;
  const TestChain chain;
  const Bytes document = chain.document();
  EXPECT_EQ(verify(cache, chain, document), "accepted");
  EXPECT_EQ(verify(cache, chain, document, kMadeAt + hours(3)), "accepted");
  EXPECT_EQ(cache.counts().leaves, 1u);
  EXPECT_EQ(verify(cache, chain, document, kMadeAt + hours(3) + seconds(1)), "certificate_expired");
  EXPECT_EQ(cache.counts().leaves, 0u);
}

TEST(ChainCache, AnAuthorityThatExpiresFirstEndsTheLeaf) {
  TestChain chain;
  chain.profiles[test::zonal].not_after = kMadeAt + hours(1);
  chain.issue(test::zonal);
  ChainCache cache;
  const Bytes document = chain.document();
  EXPECT_EQ(verify(cache, chain, document), "accepted");
  EXPECT_EQ(verify(cache, chain, document, kMadeAt + hours(2)), "certificate_expired");
  EXPECT_EQ(cache.counts().leaves, 0u);
  EXPECT_EQ(cache.counts().paths, 0u);
}

TEST(ChainCache, NotBeforeCountsForKnownPathsToo) {
  TestChain chain;
  chain.profiles[test::instance].not_before = kMadeAt - seconds(2);
  chain.issue(test::instance);
  ChainCache cache;
  const Bytes document = chain.document();
  EXPECT_EQ(verify(cache, chain, document), "accepted");
  EXPECT_EQ(verify(cache, chain, document, kMadeAt - seconds(3)), "certificate_not_yet_valid");
  EXPECT_EQ(verify(cache, chain, document), "accepted");
}

TEST(ChainCache, NewLeavesUnderKnownPathsAreVerifiedInFull) {
  ChainCache cache;
  TestChain chain;
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  chain.touch = [](test::Place, X509* x509, EVP_PKEY*) {
    X509_sign(x509, lab::generate_p384_key().value().get(), EVP_sha384());
  };
  chain.issue(test::leaf);
  EXPECT_EQ(verify(cache, chain, chain.document()), "certificate_signature_invalid");
  chain.touch = nullptr;
  chain.profiles[test::leaf].extensions[0].value = "critical,CA:TRUE";
  chain.issue(test::leaf);
  EXPECT_EQ(verify(cache, chain, chain.document()), "leaf_is_ca");
  EXPECT_EQ(cache.counts().leaves, 1u);
}

TEST(ChainCache, RulesOfAuthoritiesBindLeavesUnderKnownPaths) {
  TestChain chain;
  chain.profiles[test::regional].extensions.push_back(
      {NID_name_constraints, "critical,permitted;DNS:leaf.test"});
  chain.profiles[test::leaf].extensions.push_back({NID_subject_alt_name, "DNS:leaf.test"});
  chain.issue(test::regional);
  ChainCache cache;
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  chain.profiles[test::leaf].extensions.back().value = "DNS:other.example";
  chain.issue(test::leaf);
  EXPECT_EQ(verify(cache, chain, chain.document()), "chain_invalid");
  EXPECT_EQ(cache.counts().path_hits, 1u);
}

TEST(ChainCache, FailedVerificationsLeaveNothingBehind) {
  ChainCache cache;
  TestChain chain;
  chain.touch = [](test::Place place, X509* x509, EVP_PKEY*) {
    if (place != test::instance) return;
    X509_sign(x509, lab::generate_p384_key().value().get(), EVP_sha384());
  };
  chain.issue(test::instance);
  EXPECT_EQ(verify(cache, chain, chain.document()), "certificate_signature_invalid");
  EXPECT_EQ(verify(cache, chain, chain.document()), "certificate_signature_invalid");
  EXPECT_EQ(cache.counts().paths, 0u);
  EXPECT_EQ(cache.counts().leaves, 0u);
}

TEST(ChainCache, OneByteOfThePathIsAnotherPath) {
  ChainCache cache;
  const TestChain chain;
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  // The last byte of an authority's signature: the leaf is the known one, its path is not.
  auto fields = chain.fields();
  fields.cabundle[2].back() ^= 1;
  EXPECT_EQ(verify(cache, chain, chain.document(fields)), "certificate_signature_invalid");
  // The boundary between two certificates moved: the same bytes in a row.
  fields = chain.fields();
  fields.cabundle[3].insert(fields.cabundle[3].begin(), fields.cabundle[2].back());
  fields.cabundle[2].pop_back();
  EXPECT_EQ(verify(cache, chain, chain.document(fields)), "bad_certificate");
}

TEST(ChainCache, PathsOfOtherAnchorsAreNoUse) {
  ChainCache cache;
  const TestChain chain;
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  const auto document = UnverifiedDocument::parse(chain.document());
  const auto claims =
      verify_live(*document, TrustAnchors::aws(), cache, {.now = kMadeAt, .nonce = test::nonce()});
  ASSERT_FALSE(claims);
  EXPECT_TRUE(claims.error().is(Errc::untrusted_root));
}

TEST(ChainCache, IsBoundedAndForgetsTheLongestUnused) {
  ChainCache cache({.paths = 1, .leaves = 2});
  TestChain chain;
  const Bytes first = chain.document();
  EXPECT_EQ(verify(cache, chain, first), "accepted");
  chain.issue(test::leaf);
  const Bytes second = chain.document();
  EXPECT_EQ(verify(cache, chain, second), "accepted");
  EXPECT_EQ(verify(cache, chain, first), "accepted");  // used: now the second is the oldest
  chain.issue(test::leaf);
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  EXPECT_EQ(cache.counts().leaves, 2u);
  EXPECT_EQ(seen(cache), (Seen{1, 2, 1}));
  EXPECT_EQ(verify(cache, chain, first), "accepted");
  EXPECT_EQ(seen(cache), (Seen{1, 2, 2}));
  EXPECT_EQ(verify(cache, chain, second), "accepted");
  EXPECT_EQ(seen(cache), (Seen{1, 3, 2}));
  const TestChain other;
  EXPECT_EQ(verify(cache, other, other.document()), "accepted");
  EXPECT_EQ(cache.counts().paths, 1u);
}

TEST(ChainCache, SizeZeroKeepsNothing) {
  ChainCache cache({.paths = 0, .leaves = 0});
  const TestChain chain;
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  EXPECT_EQ(verify(cache, chain, chain.document()), "accepted");
  EXPECT_EQ(seen(cache), (Seen{2, 0, 0}));
}

TEST(ChainCache, ThreadsShareIt) {
  ChainCache cache({.paths = 1, .leaves = 1});
  const TestChain one;
  const TestChain two;
  const auto hammer = [&cache](const TestChain& chain) {
    const Bytes document = chain.document();
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(verify(cache, chain, document), "accepted");
  };
  std::thread other(hammer, std::cref(two));
  hammer(one);
  other.join();
}

}  // namespace
}  // namespace concordat::attest
