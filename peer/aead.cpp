#include "peer/aead.hpp"

#include <sodium.h>

#include <new>

#include "attest/base/secret_access.hpp"
#include "peer/limits.hpp"

namespace concordat::peer {
namespace {

const EVP_CIPHER* cipher() {
  static const EVP_CIPHER* aes = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return aes;
}

// These calls fail only for want of memory or of a provider.
void require(int ok) {
  if (ok != 1) throw std::bad_alloc();
}

}  // namespace

Aead::Aead(const base::SecretBytes& key, Direction direction) : context_(EVP_CIPHER_CTX_new()) {
  require(context_ && key.size() == kAeadKeySize &&
          EVP_CipherInit_ex2(context_.get(), cipher(), key.expose(base::SecretAccess{}).data(),
                             nullptr, direction == Direction::seal ? 1 : 0, nullptr));
}

void Aead::seal(base::BytesView nonce, base::BytesView associated, base::BytesView plaintext,
                std::span<std::uint8_t> out) {
  int size = 0;
  require(EVP_EncryptInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), nullptr));
  if (!associated.empty()) {
    require(EVP_EncryptUpdate(context_.get(), nullptr, &size, associated.data(),
                              static_cast<int>(associated.size())));
  }
  require(EVP_EncryptUpdate(context_.get(), out.data(), &size, plaintext.data(),
                            static_cast<int>(plaintext.size())));
  require(EVP_EncryptFinal_ex(context_.get(), out.data() + size, &size));
  require(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagSize,
                              out.data() + plaintext.size()));
}

base::Status Aead::open(base::BytesView nonce, base::BytesView associated, base::BytesView sealed,
                        std::span<std::uint8_t> out) {
  if (sealed.size() < kAeadTagSize) return base::Error(base::CryptoErrc::authentication_failed);
  const base::BytesView body = sealed.first(sealed.size() - kAeadTagSize);
  const base::BytesView tag = sealed.last(kAeadTagSize);
  int size = 0;
  require(EVP_DecryptInit_ex2(context_.get(), nullptr, nullptr, nonce.data(), nullptr));
  if (!associated.empty()) {
    require(EVP_DecryptUpdate(context_.get(), nullptr, &size, associated.data(),
                              static_cast<int>(associated.size())));
  }
  require(EVP_DecryptUpdate(context_.get(), out.data(), &size, body.data(),
                            static_cast<int>(body.size())));
  require(EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagSize,
                              const_cast<std::uint8_t*>(tag.data())));
  if (EVP_DecryptFinal_ex(context_.get(), out.data() + size, &size) != 1) {
    sodium_memzero(out.data(), body.size());  // unauthenticated plaintext is never seen
    return base::Error(base::CryptoErrc::authentication_failed);
  }
  return {};
}

}  // namespace concordat::peer
