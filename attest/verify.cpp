#include "attest/verify.hpp"

#include "attest/base/ecdsa.hpp"
#include "attest/base/hash.hpp"
#include "attest/chain.hpp"
#include "attest/chain_crypto.hpp"

namespace concordat::attest {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::UnixMillis;

namespace {

// A byte string's head in preferred encoding; documents are below 64 KiB.
base::Bytes byte_string_head(std::size_t size) {
  constexpr std::uint8_t kBytes = 0x40;
  const auto low = static_cast<std::uint8_t>(size);
  if (size < 24) return {static_cast<std::uint8_t>(kBytes | size)};
  if (size < 0x100) return {kBytes | 24, low};
  return {kBytes | 25, static_cast<std::uint8_t>(size >> 8), low};
}

// SHA-384 of Sig_structure (RFC 9052 section 4.4): ["Signature1", protected, h'', payload].
base::Sha384Digest signed_digest(BytesView payload) {
  static constexpr std::array<std::uint8_t, 12> kStart{0x84, 0x6a, 'S', 'i', 'g', 'n',
                                                       'a',  't',  'u', 'r', 'e', '1'};
  static constexpr std::array<std::uint8_t, 1> kNoExternalData{0x40};
  return base::sha384({kStart, byte_string_head(kProtectedHeader.size()), kProtectedHeader,
                       kNoExternalData, byte_string_head(payload.size()), payload});
}

Status verify_signature(const UnverifiedDocument& document, EVP_PKEY* key) {
  CONCORDAT_TRY(OSSL_LIB_CTX * library, chain_crypto());
  const base::Sha384Digest digest = signed_digest(document.payload());
  if (!base::verify_ecdsa_raw(key, digest.view(), document.signature(), library)) {
    return Error(Errc::signature_invalid);
  }
  return {};
}

constexpr std::array<std::uint8_t, 3> kImagePcrs{0, 1, 2};

bool is_debug(const std::map<std::uint8_t, PcrValue>& pcrs) {
  return std::ranges::any_of(kImagePcrs, [&pcrs](std::uint8_t index) {
    const auto found = pcrs.find(index);
    return found != pcrs.end() && found->second.is_zero();
  });
}

// An enclave's document always holds these three. One that lacks some is left to policy, which
// requires the registers that it names; one that lacks all cannot show that it is not in debug
// mode.
bool names_an_image(const std::map<std::uint8_t, PcrValue>& pcrs) {
  return std::ranges::any_of(kImagePcrs,
                             [&pcrs](std::uint8_t index) { return pcrs.contains(index); });
}

std::string seconds(std::chrono::milliseconds span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(span).count()) + " s";
}

}  // namespace

std::optional<PcrValue> VerifiedClaims::pcr(unsigned index) const {
  if (index >= kPcrCount) return std::nullopt;
  const auto found = pcrs_.find(static_cast<std::uint8_t>(index));
  if (found == pcrs_.end()) return std::nullopt;
  return found->second;
}

class ClaimsMaker {
 public:
  static Result<VerifiedClaims> verify(const UnverifiedDocument& document,
                                       const TrustAnchors& anchors, UnixMillis at,
                                       DebugDocuments debug, ChainCache* cache) {
    const DocumentFields& fields = document.unverified();
    CONCORDAT_TRY(const VerifiedChain chain, verify_chain(fields, anchors, at, cache));
    CONCORDAT_CHECK(verify_signature(document, chain.leaf->key.get()));
    if (!names_an_image(fields.pcrs)) return Error(Errc::image_pcrs_missing);
    if (debug == DebugDocuments::refuse && is_debug(fields.pcrs)) return Error(Errc::debug_mode);
    return make(fields, chain);
  }

 private:
  static VerifiedClaims make(const DocumentFields& fields, const VerifiedChain& chain) {
    VerifiedClaims claims;
    claims.module_id_ = fields.module_id;
    claims.timestamp_ = fields.timestamp;
    claims.pcrs_ = fields.pcrs;
    claims.public_key_ = fields.public_key;
    claims.user_data_ = fields.user_data;
    claims.nonce_ = fields.nonce;
    claims.debug_ = is_debug(fields.pcrs);
    claims.root_ = chain.root;
    claims.leaf_not_before_ = chain.leaf->validity.not_before;
    claims.leaf_not_after_ = chain.leaf->validity.not_after;
    return claims;
  }
};

Result<VerifiedClaims> verify_live(const UnverifiedDocument& document, const TrustAnchors& anchors,
                                   ChainCache& cache, const LiveExpectations& expectations) {
  CONCORDAT_TRY(VerifiedClaims claims, ClaimsMaker::verify(document, anchors, expectations.now,
                                                           DebugDocuments::refuse, &cache));
  CONCORDAT_CHECK(
      require_fresh(claims, expectations.now, expectations.max_age, expectations.max_future));
  CONCORDAT_CHECK(require_nonce(claims, expectations.nonce));
  return claims;
}

Result<VerifiedClaims> verify_archived(const UnverifiedDocument& document,
                                       const TrustAnchors& anchors, UnixMillis at,
                                       DebugDocuments debug) {
  return ClaimsMaker::verify(document, anchors, at, debug, nullptr);
}

Status require_fresh(const VerifiedClaims& claims, UnixMillis now,
                     std::chrono::milliseconds max_age, std::chrono::milliseconds max_future) {
  const std::chrono::milliseconds age = now - claims.timestamp();
  if (age > max_age) {
    return Error(Errc::document_too_old, seconds(age) + " old, " + seconds(max_age) + " allowed");
  }
  if (-age > max_future) {
    return Error(Errc::document_from_future,
                 seconds(-age) + " ahead, " + seconds(max_future) + " allowed");
  }
  return {};
}

Status require_nonce(const VerifiedClaims& claims, BytesView nonce) {
  if (!claims.nonce()) return Error(Errc::nonce_missing);
  if (nonce.empty() || !base::equal(*claims.nonce(), nonce)) return Error(Errc::nonce_mismatch);
  return {};
}

Status require_pcr(const VerifiedClaims& claims, unsigned index, const PcrValue& value) {
  const std::string where = "PCR" + std::to_string(index);
  const auto found = claims.pcr(index);
  if (!found) return Error(Errc::pcr_missing, where);
  if (*found != value) {
    return Error(Errc::pcr_mismatch, where + ": wanted " + value.hex() + ", found " + found->hex());
  }
  return {};
}

}  // namespace concordat::attest
