#include "attest/base/cbor_fields.hpp"
#include "attest/base/ecdsa.hpp"
#include "attest/eif_checks.hpp"
#include "attest/eif_cose.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace cbor = base::cbor;
using eif_cose::Algorithm;

constexpr std::size_t kMaxProtected = 16;  // {1: alg} has at most 5 bytes
constexpr std::size_t kMaxPayload = 4096;
constexpr unsigned kMaxUnprotectedDepth = 4;
constexpr std::uint64_t kCoseSign1Tag = 18;  // RFC 9052 section 2

struct SignatureEntry {
  Bytes certificate;  // PEM
  Bytes cose;
};

struct CoseSign1 {
  BytesView protected_header;
  BytesView payload;
  BytesView signature;
};

struct SignedRegister {
  std::uint64_t index = 0;
  Bytes value;
};

// serde writes Vec<u8> as an array of integers.
auto byte_array(std::string_view name, Bytes& out, std::size_t max) {
  return cbor::Field{name, [name, &out, max](cbor::Reader& r) -> Status {
                       return cbor::for_each_item(r, max, [&]() -> Status {
                         CONCORDAT_TRY(const std::uint64_t value, r.read_uint());
                         if (value > 0xff) return Error(cbor::Errc::too_large, std::string(name));
                         out.push_back(static_cast<std::uint8_t>(value));
                         return {};
                       });
                     }};
}

Result<SignatureEntry> parse_section(BytesView section) {
  cbor::Reader reader(section, cbor::Encoding::any);
  CONCORDAT_TRY(const std::size_t count, reader.read_array(1));
  if (count != 1) return Error(cbor::Errc::missing_key, "no signature");
  SignatureEntry entry;
  CONCORDAT_CHECK(cbor::read_fields(
      reader, byte_array("signing_certificate", entry.certificate, kEifMaxSignature),
      byte_array("signature", entry.cose, kEifMaxSignature)));
  CONCORDAT_CHECK(reader.finish());
  return entry;
}

Result<base::X509Ptr> parse_signer(BytesView file) {
  constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
  const std::string_view text = base::as_text(file);
  const std::size_t start = std::min(text.find_first_not_of("\r\n"), text.size());
  const std::string_view rest = text.substr(start);
  if (!rest.starts_with(kBegin) || rest.find_first_of("\r\n") != kBegin.size()) {
    return Error(base::CryptoErrc::bad_certificate,
                 "its file does not begin with the line " + std::string(kBegin));
  }
  return base::parse_certificate(file);
}

Result<CoseSign1> parse_cose(BytesView cose) {
  cbor::Reader reader(cose, cbor::Encoding::any);
  CONCORDAT_TRY(const cbor::Kind kind, reader.peek());
  if (kind == cbor::Kind::tag) {
    CONCORDAT_TRY(const std::uint64_t tag, reader.read_tag());
    if (tag != kCoseSign1Tag) return Error(cbor::Errc::unexpected_type, "not COSE_Sign1");
  }
  CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
  if (count != 4) return Error(cbor::Errc::missing_key, "COSE_Sign1 has 4 parts");
  CoseSign1 out;
  CONCORDAT_TRY(out.protected_header, reader.read_bytes(kMaxProtected));
  CONCORDAT_TRY(const cbor::Kind unprotected, reader.peek());
  if (unprotected != cbor::Kind::map) return Error(cbor::Errc::unexpected_type, "header");
  CONCORDAT_CHECK(reader.skip(kMaxUnprotectedDepth));
  CONCORDAT_TRY(out.payload, reader.read_bytes(kMaxPayload));
  CONCORDAT_TRY(out.signature, reader.read_bytes(kMaxPayload));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

// The protected header is {1: alg} and nothing else.
Result<std::int64_t> parse_algorithm(BytesView header) {
  cbor::Reader reader(header, cbor::Encoding::any);
  std::optional<std::int64_t> algorithm;
  CONCORDAT_CHECK(cbor::for_each_entry(
      reader, 1, [](cbor::Reader& r) { return r.read_int(); },
      [&](std::int64_t key) -> Status {
        if (key != 1) return Error(cbor::Errc::unknown_key, std::to_string(key));
        CONCORDAT_TRY(algorithm, reader.read_int());
        return {};
      }));
  CONCORDAT_CHECK(reader.finish());
  if (!algorithm) return Error(cbor::Errc::missing_key, "alg");
  return *algorithm;
}

Result<SignedRegister> parse_payload(BytesView payload) {
  cbor::Reader reader(payload, cbor::Encoding::any);
  SignedRegister out;
  const auto read_index = [&](cbor::Reader& r) -> Status {
    CONCORDAT_TRY(out.index, r.read_uint());
    return {};
  };
  CONCORDAT_CHECK(cbor::read_fields(reader, cbor::Field{"register_index", read_index},
                                    byte_array("register_value", out.value, 64)));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

Result<const Algorithm*> choose_algorithm(std::int64_t cose, EVP_PKEY* key) {
  const auto row = std::ranges::find(eif_cose::kAlgorithms, cose, &Algorithm::cose);
  if (row == eif_cose::kAlgorithms.end()) {
    return Error(EifErrc::unsupported_algorithm,
                 "COSE algorithm " + std::to_string(cose) + ", want -7, -35 or -36");
  }
  if (eif_cose::curve_of(key) != row->curve) {
    return Error(
        EifErrc::unsupported_algorithm,
        "the certificate's key is not on the curve of COSE algorithm " + std::to_string(cose));
  }
  return &*row;
}

Status check_signature(const CoseSign1& cose, const Algorithm& algorithm, EVP_PKEY* key) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const Bytes message = eif_cose::signed_bytes(cose.protected_header, cose.payload);
  if (EVP_Digest(message.data(), message.size(), digest.data(), &size, algorithm.hash(), nullptr) !=
      1) {
    return base::openssl_error("hashing");
  }
  if (cose.signature.size() != algorithm.signature_size) {
    return Error(EifErrc::signature_invalid, "it has " + std::to_string(cose.signature.size()) +
                                                 " bytes, want " +
                                                 std::to_string(algorithm.signature_size));
  }
  if (!base::verify_ecdsa_raw(key, BytesView(digest).first(size), cose.signature)) {
    return Error(EifErrc::signature_invalid);
  }
  return {};
}

Status check_register(const SignedRegister& signed_register, const PcrValue& pcr0) {
  if (signed_register.index != 0) {
    return Error(EifErrc::bad_signature_section,
                 "register " + std::to_string(signed_register.index) + " is signed, want 0");
  }
  if (!base::equal(signed_register.value, pcr0.view())) {
    return Error(EifErrc::signed_pcr0_differs,
                 "signed " + base::to_hex(signed_register.value) + ", measured " + pcr0.hex());
  }
  return {};
}

// Parsing errors of all parts under the one code of the section.
template <class T>
Result<T> in_section(Result<T> result, std::string_view part) {
  if (result) return result;
  return Error(EifErrc::bad_signature_section,
               std::string(part) + ": " + result.error().to_string());
}

}  // namespace

Result<PcrValue> verify_eif_signature(BytesView section, const PcrValue& pcr0) {
  CONCORDAT_TRY(const SignatureEntry entry, in_section(parse_section(section), "section"));
  CONCORDAT_TRY(const base::X509Ptr certificate,
                in_section(parse_signer(entry.certificate), "certificate"));
  CONCORDAT_TRY(const CoseSign1 cose, in_section(parse_cose(entry.cose), "signature"));
  CONCORDAT_TRY(const std::int64_t algorithm_id,
                in_section(parse_algorithm(cose.protected_header), "protected header"));
  EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  CONCORDAT_TRY(const Algorithm* algorithm, choose_algorithm(algorithm_id, key));
  CONCORDAT_CHECK(check_signature(cose, *algorithm, key));
  CONCORDAT_TRY(const SignedRegister signed_register,
                in_section(parse_payload(cose.payload), "payload"));
  CONCORDAT_CHECK(check_register(signed_register, pcr0));
  CONCORDAT_TRY(const Bytes der, base::certificate_der(certificate.get()));
  return extended_pcr({}, base::sha384({der}).view());
}

}  // namespace concordat::attest
