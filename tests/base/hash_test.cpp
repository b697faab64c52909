#include "attest/base/hash.hpp"

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

TEST(Sha, KnownAnswers) {  // FIPS 180-4 examples
  EXPECT_EQ(sha256({as_bytes("abc")}).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha384({as_bytes("a"), as_bytes("bc")}).hex(),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7");
}

TEST(Hasher, CopyForksTheState) {
  Sha384 a;
  a.update(as_bytes("ab"));
  Sha384 b = a;
  b.update(as_bytes("x"));
  a.update(as_bytes("c"));
  EXPECT_EQ(a.finish(), sha384({as_bytes("abc")}));
  EXPECT_EQ(b.finish(), sha384({as_bytes("abx")}));
}

// Computed with Python's hmac module: extract = HMAC(salt, ikm); expand = HMAC(prk, info || 1)...
TEST(Hkdf, MatchesRfc5869Construction) {
  Bytes key(22, 0x0b);
  const SecretBytes input = SecretBytes::take(key);
  const SecretBytes prk = hkdf_extract(from_hex("000102030405060708090a0b0c").value(), input);
  const SecretBytes out = hkdf_expand(prk, from_hex("f0f1f2f3f4f5f6f7f8f9").value(), 42);
  EXPECT_EQ(to_hex(out.expose(SecretAccess{})),
            "9b5097a86038b805309076a44b3a9f38063e25b516dcbf369f394cfab43685f7"
            "48b6457763e4f0204fc5");
}

TEST(Hmac, MatchesRfc4231Case2) {
  Bytes key = to_bytes(as_bytes("Jefe"));
  const SecretBytes mac =
      hmac_sha256(SecretBytes::take(key), as_bytes("what do ya want for nothing?"));
  EXPECT_EQ(to_hex(mac.expose(SecretAccess{})),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

}  // namespace
}  // namespace concordat::base
