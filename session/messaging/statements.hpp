// What parties sign with their session keys: each a CBOR array that begins with a domain of its own
// and the roster's digest, so that nothing signed for one purpose or run is anything in another.
#pragma once

#include "policy/dsse.hpp"
#include "session/protocol.hpp"

namespace concordat::session::messaging {

using policy::Signature;
using policy::SignerKey;

// Of one run; makes the bytes that are signed.
class Statements {
 public:
  explicit Statements(const base::Sha256Digest& roster) : roster_(roster) {}

  [[nodiscard]] base::Bytes broadcast(Round round, PartyIndex from,
                                      const base::Sha256Digest& body) const;
  [[nodiscard]] base::Bytes letter(Round round, PartyIndex from, PartyIndex to,
                                   const base::Sha256Digest& body) const;
  // `from` saw in `round` the broadcasts whose digests are hashed in `vector`, and got its letters.
  [[nodiscard]] base::Bytes echo(Round round, PartyIndex from,
                                 const base::Sha256Digest& vector) const;
  [[nodiscard]] base::Bytes result(PartyIndex from, const base::Sha256Digest& result) const;
  [[nodiscard]] base::Bytes accusation(PartyIndex from, const base::Sha256Digest& claim) const;

 private:
  base::Sha256Digest roster_;
};

[[nodiscard]] base::Sha256Digest digest_of(const base::SecretBytes& letter);
// bad_signature, of this module, which names `party`.
[[nodiscard]] base::Status check(const Signature& signature, base::BytesView statement,
                                 PartyIndex party, const SignerKey& key);

}  // namespace concordat::session::messaging
