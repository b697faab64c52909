// An attestation document as bytes say it is: well-formed, within bounds, nothing proven.
// Format: AWS Nitro Enclaves NSM API, docs/attestation_process.md sections 3.1 and 3.2.2; where
// AWS's own documents differ from that text (null fields, indefinite payload map, 1024-byte
// fields), what AWS issues is accepted.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"
#include "attest/base/clock.hpp"
#include "attest/pcr.hpp"
#include "attest/refusal.hpp"

namespace concordat::attest {

// NSM's own response buffer is 0x3000 bytes; the rest is room for a longer bundle.
inline constexpr std::size_t kMaxDocumentBytes = 16 * 1024;
// The specification's bound for each certificate.
inline constexpr std::size_t kMaxCertificateBytes = 1024;
// AWS sends four (root, regional, zonal, instance); each costs its reader one P-384 verification.
inline constexpr std::size_t kMaxCabundle = 8;
// public_key, user_data, nonce: what NSM accepts and AWS has issued (the text's 512 is outdated).
inline constexpr std::size_t kMaxFieldBytes = 1024;
// AWS's have 39 characters.
inline constexpr std::size_t kMaxModuleIdBytes = 256;
// r and s, 48 bytes each, big-endian (RFC 9053 section 2.1).
inline constexpr std::size_t kSignatureBytes = 96;

struct DocumentFields {
  std::string module_id;  // UTF-8, not empty
  base::UnixMillis timestamp;
  std::map<std::uint8_t, PcrValue> pcrs;  // 1 to 32 entries
  base::Bytes certificate;                // DER, unparsed
  std::vector<base::Bytes> cabundle;      // DER, unparsed; root first, 1 to 8
  // nullopt: absent, or CBOR null. An empty byte string stays an empty value.
  std::optional<base::Bytes> public_key;
  std::optional<base::Bytes> user_data;
  std::optional<base::Bytes> nonce;
};

// The only value that `digest` may have.
inline constexpr std::string_view kDigestName = "SHA384";

// Owns its bytes. Never trust it: verify.hpp turns it into VerifiedClaims.
class UnverifiedDocument {
 public:
  // Fails with the codes of step `parse`. Allocates in proportion to `cose`, at most 16 KiB of it.
  [[nodiscard]] static base::Result<UnverifiedDocument> parse(base::BytesView cose);

  [[nodiscard]] const DocumentFields& unverified() const noexcept { return fields_; }
  // What the signature covers besides constants (RFC 9052 section 4.4).
  [[nodiscard]] base::BytesView payload() const noexcept { return payload_; }
  [[nodiscard]] base::BytesView signature() const noexcept { return signature_; }

 private:
  UnverifiedDocument() = default;

  DocumentFields fields_;
  base::Bytes payload_;
  std::array<std::uint8_t, kSignatureBytes> signature_{};
};

// The protected header, byte for byte: {1: -35}, ES384.
inline constexpr std::array<std::uint8_t, 4> kProtectedHeader{0xa1, 0x01, 0x38, 0x22};

}  // namespace concordat::attest
