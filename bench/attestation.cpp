// Document verification against the P-384 verifications that it cannot avoid: one for a known leaf,
// two for a new leaf under known authorities, five for a chain never seen.

#include "attest/base/cbor.hpp"
#include "attest/custom_root.hpp"
#include "attest/mint.hpp"
#include "attest/verify.hpp"
#include "bench/capture.hpp"
#include "bench/raw.hpp"
#include "deploy/lab/pki.hpp"
#include "deploy/lab/software_nsm.hpp"

namespace concordat::bench {
namespace {

constexpr base::UnixMillis kNow{1'768'478'400'000};

// A document as a handshake carries it, and what its verifier holds.
struct Sample {
  Sample()
      : pki(lab::Pki::create(kNow).value()),
        nsm(*pki, identity(), [] { return kNow; }),
        anchors(attest::trust_anchors_from_root(pki->root_der()).value()) {
    attest::MintRequest request;
    request.purpose = attest::Purpose::handshake_initiator;
    request.items = {std::move(base::cbor::Writer().bytes(base::Bytes(180))).take(), 1};
    request.nonce = nonce;
    request.public_key = base::Bytes(44, 2);
    document = attest::mint(nsm, request).value();
  }
  static lab::EnclaveIdentity identity() {
    lab::EnclaveIdentity identity;
    for (auto* pcr : {&identity.pcr0, &identity.pcr1, &identity.pcr2})
      pcr->mutable_view()[0] = 1;
    return identity;
  }
  void verify(attest::ChainCache& cache) const {
    attest::LiveExpectations live;
    live.now = kNow;
    live.nonce = nonce;
    const auto parsed = attest::UnverifiedDocument::parse(document).value();
    benchmark::DoNotOptimize(attest::verify_live(parsed, anchors, cache, live).value());
  }

  std::unique_ptr<lab::Pki> pki;
  lab::SoftwareNsm nsm;
  attest::TrustAnchors anchors;
  base::Bytes nonce = base::Bytes(32, 1);
  base::Bytes document;
};

const Sample& sample() {
  static const Sample instance;
  return instance;
}

Work known_leaf() {
  return [cache = std::make_shared<attest::ChainCache>()](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      sample().verify(*cache);
  };
}

Work cold() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      attest::ChainCache cache;
      sample().verify(cache);
    }
  };
}

Work raw_verification() {
  static const RawP384 raw(sample().document.size());
  return raw.verification();
}

BENCHMARK_CAPTURE(run, verify_known_leaf, &known_leaf);
BENCHMARK_CAPTURE(run, verify_cold, &cold);
BENCHMARK_CAPTURE(run, raw_p384_verification, &raw_verification);

}  // namespace

std::vector<Ratio> attestation_ratios() {
  return {{"verify_known_leaf",
           "documents a second under a known leaf, over raw P-384 verifications", true, 0.85,
           [](int rounds, double slice) {
             return median_ratio(
                 {known_leaf(), raw_verification()}, [](const auto& s) { return s[1] / s[0]; },
                 rounds, slice);
           }},
          {"verify_cold", "documents a second of unknown chains, over a fifth of raw verifications",
           true, 0.85, [](int rounds, double slice) {
             return median_ratio(
                 {cold(), raw_verification()}, [](const auto& s) { return 5 * s[1] / s[0]; },
                 rounds, slice);
           }}};
}

}  // namespace concordat::bench
