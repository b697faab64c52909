#include "keyservice/cms.hpp"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/kms.hpp"

namespace concordat::keyservice {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using base::Status;

using CmsPtr = std::unique_ptr<CMS_ContentInfo, base::OpensslDeleter<CMS_ContentInfo_free>>;
using OaepPtr = std::unique_ptr<RSA_OAEP_PARAMS, base::OpensslDeleter<RSA_OAEP_PARAMS_free>>;
using AlgorithmPtr = std::unique_ptr<X509_ALGOR, base::OpensslDeleter<X509_ALGOR_free>>;

int nid_of(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  X509_ALGOR_get0(&object, nullptr, nullptr, algorithm);
  return OBJ_obj2nid(object);
}

// The DER of the algorithm's parameters, or empty where they are absent or no SEQUENCE.
BytesView sequence_parameters(const X509_ALGOR* algorithm) {
  int type = V_ASN1_UNDEF;
  const void* value = nullptr;
  X509_ALGOR_get0(nullptr, &type, &value, algorithm);
  if (type != V_ASN1_SEQUENCE) return {};
  const auto* text = static_cast<const ASN1_STRING*>(value);
  return {ASN1_STRING_get0_data(text), static_cast<std::size_t>(ASN1_STRING_length(text))};
}

Result<CmsPtr> parse(BytesView der) {
  if (der.size() > kMaxCiphertextForRecipient) {
    return Error(CmsErrc::too_large, std::to_string(der.size()) + " bytes");
  }
  const unsigned char* at = der.data();
  CmsPtr cms(d2i_CMS_ContentInfo(nullptr, &at, static_cast<long>(der.size())));
  if (!cms) return Error(CmsErrc::malformed, base::take_openssl_errors());
  if (at != der.data() + der.size()) return Error(CmsErrc::malformed, "bytes after the end");
  const ASN1_OBJECT* content = CMS_get0_eContentType(cms.get());
  if (OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_enveloped ||
      OBJ_obj2nid(content) != NID_pkcs7_data) {
    return Error(CmsErrc::not_enveloped);
  }
  return cms;
}

Result<CMS_RecipientInfo*> only_recipient(CMS_ContentInfo* cms) {
  STACK_OF(CMS_RecipientInfo)* recipients = CMS_get0_RecipientInfos(cms);
  if (sk_CMS_RecipientInfo_num(recipients) != 1) {
    return Error(CmsErrc::recipient_count,
                 std::to_string(sk_CMS_RecipientInfo_num(recipients)) + " recipients");
  }
  CMS_RecipientInfo* recipient = sk_CMS_RecipientInfo_value(recipients, 0);
  if (CMS_RecipientInfo_type(recipient) != CMS_RECIPINFO_TRANS) {
    return Error(CmsErrc::key_algorithm, "not key transport");
  }
  return recipient;
}

// MGF1's parameter is the hash's AlgorithmIdentifier, encoded once more.
int mask_hash_of(const X509_ALGOR* mask) {
  if (nid_of(mask) != NID_mgf1) return NID_undef;
  const BytesView der = sequence_parameters(mask);
  const unsigned char* at = der.data();
  const AlgorithmPtr hash(d2i_X509_ALGOR(nullptr, &at, static_cast<long>(der.size())));
  return hash ? nid_of(hash.get()) : NID_undef;
}

Status check_oaep(const X509_ALGOR* algorithm) {
  if (nid_of(algorithm) != NID_rsaesOaep) return Error(CmsErrc::key_algorithm, "not RSAES-OAEP");
  const BytesView der = sequence_parameters(algorithm);
  const unsigned char* at = der.data();
  const OaepPtr oaep(d2i_RSA_OAEP_PARAMS(nullptr, &at, static_cast<long>(der.size())));
  if (!oaep || oaep->pSourceFunc != nullptr) {
    return Error(CmsErrc::key_algorithm, "RSAES-OAEP parameters");
  }
  const bool defaults = oaep->hashFunc == nullptr && oaep->maskGenFunc == nullptr;
  const bool sha256 = oaep->hashFunc != nullptr && oaep->maskGenFunc != nullptr &&
                      nid_of(oaep->hashFunc) == NID_sha256 &&
                      mask_hash_of(oaep->maskGenFunc) == NID_sha256;
  if (!defaults && !sha256) return Error(CmsErrc::key_algorithm, "RSAES-OAEP hashes");
  return {};
}

Status check_recipient(CMS_RecipientInfo* recipient, const RecipientKey& key) {
  ASN1_OCTET_STRING* identifier = nullptr;
  X509_NAME* issuer = nullptr;
  ASN1_INTEGER* serial = nullptr;
  X509_ALGOR* algorithm = nullptr;
  if (CMS_RecipientInfo_ktri_get0_signer_id(recipient, &identifier, &issuer, &serial) != 1 ||
      CMS_RecipientInfo_ktri_get0_algs(recipient, nullptr, nullptr, &algorithm) != 1) {
    return Error(CmsErrc::malformed, base::take_openssl_errors());
  }
  if (identifier != nullptr) {
    const BytesView named(ASN1_STRING_get0_data(identifier),
                          static_cast<std::size_t>(ASN1_STRING_length(identifier)));
    if (!base::equal(named, key.key_identifier().view())) return Error(CmsErrc::not_our_key);
  }
  return check_oaep(algorithm);
}

Status check_content_cipher(BIO* content) {
  EVP_CIPHER_CTX* cipher = nullptr;
  BIO* filter = BIO_find_type(content, BIO_TYPE_CIPHER);
  if (filter == nullptr || BIO_get_cipher_ctx(filter, &cipher) != 1 ||
      EVP_CIPHER_CTX_get_nid(cipher) != NID_aes_256_cbc) {
    return Error(CmsErrc::content_algorithm, "not AES-256-CBC");
  }
  return {};
}

// Straight from the cipher into guarded memory. `max` bounds the plaintext: CBC never grows.
Result<SecretBytes> read_content(BIO* content, std::size_t max) {
  SecretBytes buffer = SecretBytes::zeroed(max);
  const auto out = buffer.expose_mutable(base::SecretAccess{});
  std::size_t done = 0;
  std::size_t n = 0;
  while (done < out.size() && BIO_read_ex(content, out.data() + done, out.size() - done, &n) == 1) {
    done += n;
  }
  // Asking after the end makes the filter finish: only then is the padding judged.
  if (done == 0 || BIO_eof(content) != 1 || BIO_get_cipher_status(content) != 1) {
    ERR_clear_error();
    return Error(CmsErrc::cannot_open);
  }
  return SecretBytes::take(out.first(done));
}

}  // namespace

base::CodeInfo describe(CmsErrc code) noexcept {
  switch (code) {
    case CmsErrc::too_large:
      return {"too_large", "the ciphertext for the recipient is too large"};
    case CmsErrc::malformed:
      return {"malformed", "the ciphertext for the recipient is not CMS"};
    case CmsErrc::not_enveloped:
      return {"not_enveloped", "the CMS is not EnvelopedData of type data"};
    case CmsErrc::recipient_count:
      return {"recipient_count", "the CMS does not have exactly one recipient"};
    case CmsErrc::not_our_key:
      return {"not_our_key", "the CMS names another recipient's key"};
    case CmsErrc::key_algorithm:
      return {"key_algorithm", "the CMS encrypts its key in a way that is not taken"};
    case CmsErrc::content_algorithm:
      return {"content_algorithm", "the CMS encrypts its content in a way that is not taken"};
    case CmsErrc::cannot_open:
      return {"cannot_open", "the CMS does not open with the recipient's key"};
  }
  return {"unknown", "unknown CMS error"};
}

Result<SecretBytes> open_ciphertext_for_recipient(BytesView der, const RecipientKey& key) {
  CONCORDAT_TRY(const CmsPtr cms, parse(der));
  CONCORDAT_TRY(CMS_RecipientInfo* const recipient, only_recipient(cms.get()));
  CONCORDAT_CHECK(check_recipient(recipient, key));
  // Takes a reference of its own.
  if (EVP_PKEY_up_ref(key.handle()) != 1 ||
      CMS_RecipientInfo_set0_pkey(recipient, key.handle()) != 1) {
    return base::openssl_error("giving the recipient's key to CMS");
  }
  if (CMS_RecipientInfo_decrypt(cms.get(), recipient) != 1) {
    ERR_clear_error();
    return Error(CmsErrc::cannot_open);
  }
  const base::BioPtr content(CMS_dataInit(cms.get(), nullptr));
  if (!content) return Error(CmsErrc::content_algorithm, base::take_openssl_errors());
  CONCORDAT_CHECK(check_content_cipher(content.get()));
  return read_content(content.get(), der.size());
}

}  // namespace concordat::keyservice
