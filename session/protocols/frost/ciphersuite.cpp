#include "session/protocols/frost/ciphersuite.hpp"

#include <sodium.h>

#include "attest/base/secret_access.hpp"
#include "attest/base/stack_wipe.hpp"
#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

constexpr std::string_view kContext = "FROST-ED25519-SHA512-v1";
constexpr std::string_view kRandomness = "concordat/frost-randomness/1";

// libsodium's, because its state is plain memory that can be wiped: nonces come out of it.
class Sha512 {
 public:
  explicit Sha512(std::string_view domain = {}) noexcept {
    crypto_hash_sha512_init(&state_);
    if (domain.empty()) return;
    update(base::as_bytes(kContext));
    update(base::as_bytes(domain));
  }
  Sha512(const Sha512&) = delete;
  Sha512& operator=(const Sha512&) = delete;
  ~Sha512() { sodium_memzero(&state_, sizeof state_); }

  Sha512& update(BytesView bytes) noexcept {
    crypto_hash_sha512_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  Sha512& update(Parts parts) noexcept {
    for (const BytesView part : parts)
      update(part);
    return *this;
  }
  [[nodiscard]] Sha512Digest digest() noexcept {
    Sha512Digest out;
    crypto_hash_sha512_final(&state_, out.mutable_view().data());
    return out;
  }
  [[nodiscard]] SecretBytes secret() {
    SecretBytes out = SecretBytes::zeroed(Sha512Digest::kSize);
    crypto_hash_sha512_final(&state_, out.expose_mutable(SecretAccess{}).data());
    return out;
  }
  [[nodiscard]] Scalar scalar() { return Scalar::reduced(secret()); }

 private:
  crypto_hash_sha512_state state_;
};

}  // namespace

Scalar h1(Parts parts) {
  return Sha512("rho").update(parts).scalar();
}

Scalar h2(Parts parts) {
  return Sha512().update(parts).scalar();
}

Scalar h3(const SecretBytes& random, const Scalar& secret) {
  const base::StackWipe wipe;
  return Sha512("nonce")
      .update({random.expose(SecretAccess{}), secret.bytes().expose(SecretAccess{})})
      .scalar();
}

Sha512Digest h4(BytesView message) {
  return Sha512("msg").update(message).digest();
}

Sha512Digest h5(BytesView commitments) {
  return Sha512("com").update(commitments).digest();
}

Scalar h_dkg(Parts parts) {
  return Sha512("dkg").update(parts).scalar();
}

SecretBytes hedged_randomness(std::string_view what, const base::Sha256Digest& context) {
  const base::StackWipe wipe;
  constexpr std::size_t kSize = 32;
  const SecretBytes fresh = SecretBytes::random(kSize);
  SecretBytes wide = Sha512()
                         .update({base::as_bytes(kRandomness), fresh.expose(SecretAccess{}),
                                  context.view(), base::as_bytes(what)})
                         .secret();
  return SecretBytes::take(wide.expose_mutable(SecretAccess{}).first(kSize));
}

PublicScalar identifier(Index index) noexcept {
  PublicScalar out;
  for (std::size_t i = 0; i < sizeof index; ++i)
    out.mutable_view()[i] = static_cast<std::uint8_t>(index >> (8 * i));
  return out;
}

PublicScalar published(const Scalar& scalar) {
  return *PublicScalar::from(scalar.bytes().expose(SecretAccess{}));
}

Result<Scalar> read_scalar(BytesView bytes) {
  if (bytes.size() != kScalarSize) {
    return Error(Errc::wrong_size, std::to_string(bytes.size()) + " bytes, want 32");
  }
  SecretBytes copy = SecretBytes::zeroed(kScalarSize);
  std::ranges::copy(bytes, copy.expose_mutable(SecretAccess{}).begin());
  return Scalar::from_bytes(std::move(copy));
}

Result<Element> read_element(BytesView bytes) {
  if (bytes.size() != kElementSize) {
    return Error(Errc::wrong_size, std::to_string(bytes.size()) + " bytes, want 32");
  }
  CONCORDAT_TRY(const Element element, Element::from(bytes));
  if (!base::sharing::is_element<Curve>(element)) return Error(Errc::not_an_element);
  return element;
}

Result<Element> present(const std::optional<Element>& element) {
  if (element) return *element;
  return Error(Errc::identity);
}

}  // namespace concordat::session::frost
