// Keys that are shared among holders, as a dealer would do it, for tests that need no key
// generation; and what an ordinary Ed25519 says of a signature.
#pragma once

#include <gtest/gtest.h>
#include <sodium.h>

#include <memory>
#include <random>

#include "attest/base/hash.hpp"
#include "session/protocols/frost/signing_package.hpp"

namespace concordat::session::frost::test {

// The holders' shares of a fresh key; holder i's at place i - 1.
[[nodiscard]] inline std::vector<KeyShare> deal(std::size_t threshold, std::size_t holders) {
  const auto polynomial = base::sharing::Polynomial::random(Scalar::random(), threshold).value();
  const auto group =
      GroupInfo::of(base::sharing::Commitments<Curve>::of(polynomial), holders).value();
  std::vector<KeyShare> out;
  for (Index index = 1; index <= holders; ++index)
    out.push_back(
        KeyShare::create(group, index, std::move(polynomial.share(index).value().value)).value());
  return out;
}

// By OpenSSL and by libsodium, which must agree.
[[nodiscard]] inline bool is_ed25519(base::BytesView signature, const Element& public_key,
                                     base::BytesView message) {
  if (signature.size() != Signature::kSize) return false;
  const bool by_sodium = crypto_sign_verify_detached(signature.data(), message.data(),
                                                     message.size(), public_key.view().data()) == 0;
  const base::PkeyPtr key(EVP_PKEY_new_raw_public_key(
      EVP_PKEY_ED25519, nullptr, public_key.view().data(), public_key.view().size()));
  const base::DigestContextPtr context(EVP_MD_CTX_new());
  const bool by_openssl =
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                       message.size()) == 1;
  EXPECT_EQ(by_sodium, by_openssl);
  return by_sodium && by_openssl;
}

// `count` of the holders 1 to `holders`, ascending.
[[nodiscard]] inline std::vector<Index> some_of(std::size_t holders, std::size_t count,
                                                std::mt19937_64& random) {
  std::vector<Index> all(holders);
  for (std::size_t i = 0; i < holders; ++i)
    all[i] = static_cast<Index>(i + 1);
  std::ranges::shuffle(all, random);
  all.resize(count);
  std::ranges::sort(all);
  return all;
}

}  // namespace concordat::session::frost::test
