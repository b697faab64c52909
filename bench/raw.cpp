#include "bench/raw.hpp"

#include <openssl/ec.h>
#include <sodium.h>

#include <stdexcept>

namespace concordat::bench {
namespace {

void require(int ok) {
  if (ok != 1) throw std::runtime_error("OpenSSL: " + base::take_openssl_errors());
}

// Both directions of AES-256-GCM over buffers that stay where they are.
struct GcmPair {
  explicit GcmPair(std::size_t size)
      : seal(EVP_CIPHER_CTX_new()), open(EVP_CIPHER_CTX_new()), plain(size), sealed(size) {
    const base::Bytes key(32, 7);
    require(EVP_EncryptInit_ex(seal.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr));
    require(EVP_DecryptInit_ex(open.get(), EVP_aes_256_gcm(), nullptr, key.data(), nullptr));
  }
  void run() {
    int n = 0;
    const int size = static_cast<int>(plain.size());
    sodium_increment(nonce, sizeof nonce);
    require(EVP_EncryptInit_ex(seal.get(), nullptr, nullptr, nullptr, nonce));
    require(EVP_EncryptUpdate(seal.get(), sealed.data(), &n, plain.data(), size));
    require(EVP_EncryptFinal_ex(seal.get(), sealed.data() + n, &n));
    require(EVP_CIPHER_CTX_ctrl(seal.get(), EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag));
    require(EVP_DecryptInit_ex(open.get(), nullptr, nullptr, nullptr, nonce));
    require(EVP_DecryptUpdate(open.get(), plain.data(), &n, sealed.data(), size));
    require(EVP_CIPHER_CTX_ctrl(open.get(), EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag));
    require(EVP_DecryptFinal_ex(open.get(), plain.data() + n, &n));
  }

  base::CipherContextPtr seal, open;
  base::Bytes plain, sealed;
  std::uint8_t nonce[12] = {};
  std::uint8_t tag[16] = {};
};

}  // namespace

RawP384::RawP384(std::size_t size) : key_(EVP_EC_gen("P-384")), message_(size, 0x5a) {
  base::DigestContextPtr context(EVP_MD_CTX_new());
  std::size_t length = 0;
  require(EVP_DigestSignInit(context.get(), nullptr, EVP_sha384(), nullptr, key_.get()));
  require(EVP_DigestSign(context.get(), nullptr, &length, message_.data(), message_.size()));
  signature_.resize(length);
  require(
      EVP_DigestSign(context.get(), signature_.data(), &length, message_.data(), message_.size()));
  signature_.resize(length);
}

Work RawP384::verification() const {
  return [this](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      base::DigestContextPtr context(EVP_MD_CTX_new());
      require(EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha384(), nullptr, key_.get()));
      require(EVP_DigestVerify(context.get(), signature_.data(), signature_.size(), message_.data(),
                               message_.size()));
    }
  };
}

Work RawP384::signing() const {
  return [this](std::uint64_t times) {
    base::Bytes out(128);
    for (std::uint64_t i = 0; i < times; ++i) {
      std::size_t length = out.size();
      base::DigestContextPtr context(EVP_MD_CTX_new());
      require(EVP_DigestSignInit(context.get(), nullptr, EVP_sha384(), nullptr, key_.get()));
      require(EVP_DigestSign(context.get(), out.data(), &length, message_.data(), message_.size()));
    }
  };
}

Work raw_x25519() {
  return [](std::uint64_t times) {
    std::uint8_t secret[32], point[32];
    randombytes_buf(secret, sizeof secret);
    crypto_scalarmult_base(point, secret);
    for (std::uint64_t i = 0; i < times; ++i) {
      if (crypto_scalarmult(point, secret, point) != 0) throw std::runtime_error("X25519");
    }
  };
}

Work raw_aes_gcm_both_ways(std::size_t size) {
  return [pair = std::make_shared<GcmPair>(size)](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      pair->run();
  };
}

}  // namespace concordat::bench
