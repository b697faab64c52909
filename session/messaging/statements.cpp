#include "session/messaging/statements.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"

namespace concordat::session::messaging {

using base::Bytes;
using base::Sha256Digest;
using base::cbor::Writer;

Bytes Statements::broadcast(Round round, PartyIndex from, const Sha256Digest& body) const {
  Writer out;
  out.array(5).text("concordat/session/broadcast/1").bytes(roster_.view());
  out.uint(round).uint(from).bytes(body.view());
  return std::move(out).take();
}

Bytes Statements::letter(Round round, PartyIndex from, PartyIndex to,
                         const Sha256Digest& body) const {
  Writer out;
  out.array(6).text("concordat/session/letter/1").bytes(roster_.view());
  out.uint(round).uint(from).uint(to).bytes(body.view());
  return std::move(out).take();
}

Bytes Statements::echo(Round round, PartyIndex from, const Sha256Digest& vector) const {
  Writer out;
  out.array(5).text("concordat/session/echo/1").bytes(roster_.view());
  out.uint(round).uint(from).bytes(vector.view());
  return std::move(out).take();
}

Bytes Statements::result(PartyIndex from, const Sha256Digest& result) const {
  Writer out;
  out.array(4).text("concordat/session/result/1").bytes(roster_.view());
  out.uint(from).bytes(result.view());
  return std::move(out).take();
}

Bytes Statements::accusation(PartyIndex from, const Sha256Digest& claim) const {
  Writer out;
  out.array(4).text("concordat/session/accusation/1").bytes(roster_.view());
  out.uint(from).bytes(claim.view());
  return std::move(out).take();
}

Sha256Digest digest_of(const base::SecretBytes& letter) {
  return base::sha256({letter.expose(base::SecretAccess{})});
}

base::Status check(const Signature& signature, base::BytesView statement, PartyIndex party,
                   const SignerKey& key) {
  if (policy::check_signature(signature, statement, key)) return {};
  return base::Error(Errc::bad_signature, "party " + std::to_string(party));
}

}  // namespace concordat::session::messaging
