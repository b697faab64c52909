#include "keyservice/keyring/nist_curve.hpp"

#include <openssl/core_names.h>
#include <openssl/ec.h>

#include <array>
#include <bit>
#include <new>

#include "attest/base/ecdsa.hpp"
#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"
#include "keyservice/keyring/key_errc.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

using GroupPtr = std::unique_ptr<EC_GROUP, base::OpensslDeleter<EC_GROUP_free>>;
using PointPtr = std::unique_ptr<EC_POINT, base::OpensslDeleter<EC_POINT_free>>;
using SecretNumber = std::unique_ptr<BIGNUM, base::OpensslDeleter<BN_clear_free>>;
using NumberContextPtr = std::unique_ptr<BN_CTX, base::OpensslDeleter<BN_CTX_free>>;

// SP 800-186 section 3.2.1.
constexpr NistCurve kP256{"P-256", NID_X9_62_prime256v1, 32, EVP_sha256,
                          "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"};
constexpr NistCurve kP384{"P-384", NID_secp384r1, 48, EVP_sha384,
                          "ffffffffffffffffffffffffffffffffffffffffffffffff"
                          "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"};

// Groups are read only once they are made.
const EC_GROUP* group_of(const NistCurve& curve) {
  static const GroupPtr p256(EC_GROUP_new_by_curve_name(kP256.nid));
  static const GroupPtr p384(EC_GROUP_new_by_curve_name(kP384.nid));
  const EC_GROUP* group = curve.nid == kP256.nid ? p256.get() : p384.get();
  if (group == nullptr) throw std::bad_alloc();
  return group;
}

Result<Bytes> encoded(const EC_GROUP* group, const EC_POINT* point, std::size_t size) {
  Bytes out(size);
  if (EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                         nullptr) != out.size()) {
    return base::openssl_error("encoding a point");
  }
  return out;
}

std::size_t point_size(const NistCurve& curve) {
  return 1 + 2 * curve.scalar_size;
}

OSSL_PARAM group_parameter(const NistCurve& curve) {
  // Taken as non-const and not written through.
  return OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, const_cast<char*>(curve.name),
                                          0);
}

Result<base::PkeyPtr> key_from(int selection, OSSL_PARAM* parameters) {
  const base::PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, selection, parameters) != 1) {
    return base::openssl_error("making a key of the curve");
  }
  return base::PkeyPtr(key);
}

// OSSL_PARAM wants numbers as the machine has them, and reads them where they are.
SecretBytes in_native_order(const SecretBytes& scalar) {
  SecretBytes out = scalar.clone();
  if constexpr (std::endian::native == std::endian::little) {
    std::ranges::reverse(out.expose_mutable(SecretAccess{}));
  }
  return out;
}

Result<base::PkeyPtr> private_key(const NistCurve& curve, const SecretBytes& scalar) {
  base::ensure_secure_heap();
  SecretBytes number = in_native_order(scalar);
  const auto bytes = number.expose_mutable(SecretAccess{});
  OSSL_PARAM parameters[] = {
      group_parameter(curve),
      OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_PRIV_KEY, bytes.data(), bytes.size()),
      OSSL_PARAM_construct_end()};
  return key_from(EVP_PKEY_KEYPAIR, parameters);
}

}  // namespace

const NistCurve& nist_curve(KeyType type) noexcept {
  return type == KeyType::p256 ? kP256 : kP384;
}

bool is_scalar(const NistCurve& curve, const SecretBytes& scalar) {
  if (scalar.size() != curve.scalar_size) return false;
  SecretBytes number = scalar.clone();
  const auto bytes = number.expose_mutable(SecretAccess{});
  Bytes order = *base::from_hex(curve.order);
  // sodium_compare takes little-endian numbers.
  std::ranges::reverse(bytes);
  std::ranges::reverse(order);
  return sodium_is_zero(bytes.data(), bytes.size()) == 0 &&
         sodium_compare(bytes.data(), order.data(), order.size()) < 0;
}

Result<Bytes> public_point(const NistCurve& curve, const SecretBytes& scalar) {
  const base::StackWipe wipe;
  base::ensure_secure_heap();
  const EC_GROUP* group = group_of(curve);
  const SecretNumber number(BN_secure_new());
  const NumberContextPtr context(BN_CTX_secure_new());
  const PointPtr point(EC_POINT_new(group));
  const BytesView bytes = scalar.expose(SecretAccess{});
  if (!number || !context || !point ||
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), number.get()) == nullptr) {
    return base::openssl_error("reading a scalar");
  }
  BN_set_flags(number.get(), BN_FLG_CONSTTIME);
  if (EC_POINT_mul(group, point.get(), number.get(), nullptr, nullptr, context.get()) != 1) {
    return base::openssl_error("making a public key");
  }
  return encoded(group, point.get(), point_size(curve));
}

Result<Bytes> uncompressed(const NistCurve& curve, BytesView point) {
  const EC_GROUP* group = group_of(curve);
  const PointPtr read(EC_POINT_new(group));
  if (!read || EC_POINT_oct2point(group, read.get(), point.data(), point.size(), nullptr) != 1 ||
      EC_POINT_is_at_infinity(group, read.get()) == 1) {
    return Error(KeyErrc::bad_key_material,
                 std::string("not a point of ") + curve.name + ": " + base::take_openssl_errors());
  }
  return encoded(group, read.get(), point_size(curve));
}

Result<Bytes> sign_ecdsa(const NistCurve& curve, const SecretBytes& scalar, BytesView message) {
  const base::StackWipe wipe;
  CONCORDAT_TRY(const base::PkeyPtr key, private_key(curve, scalar));
  return base::sign_ecdsa_der(key.get(), curve.hash(), message);
}

base::Status verify_ecdsa(const NistCurve& curve, BytesView point, BytesView message,
                          BytesView signature) {
  OSSL_PARAM parameters[] = {
      group_parameter(curve),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY,
                                        const_cast<std::uint8_t*>(point.data()), point.size()),
      OSSL_PARAM_construct_end()};
  CONCORDAT_TRY(const base::PkeyPtr key, key_from(EVP_PKEY_PUBLIC_KEY, parameters));
  const base::DigestContextPtr context(EVP_MD_CTX_new());
  if (!context ||
      EVP_DigestVerifyInit(context.get(), nullptr, curve.hash(), nullptr, key.get()) != 1) {
    return base::openssl_error("preparing to verify a signature");
  }
  if (EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) != 1) {
    static_cast<void>(base::take_openssl_errors());
    return Error(KeyErrc::authentication_failed, "signature");
  }
  return {};
}

}  // namespace concordat::keyservice
