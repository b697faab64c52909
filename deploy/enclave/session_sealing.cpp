#include "deploy/enclave/session_sealing.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/keyring/envelope.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/session_shares.hpp"
#include "policy/finding.hpp"

namespace concordat::enclave {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using namespace keyservice;

// What is sealed for this says so: no other ciphertext under the key opens as a share.
constexpr std::string_view kDomain = "concordat/session-kept/1";

Bytes associated_data(const std::string& role) {
  base::cbor::Writer writer;
  writer.array(2).text(kDomain).text(role);
  return std::move(writer).take();
}

// Which of the role's keys it says it is sealed under; the custodian finds out whether it is.
Result<std::string> key_of(base::BytesView sealed, const std::string& role) {
  CONCORDAT_TRY(Envelope envelope, decode_envelope(sealed));
  if (envelope.key_name.starts_with(session_shares_of(role))) return std::move(envelope.key_name);
  return Error(KeyErrc::other_key, policy::quote(envelope.key_name));
}

// The answer's part of that type, or what the custodian said instead.
template <class Part>
Result<Part> part_of(Result<ResponseBody> answer) {
  if (!answer) return answer.error();
  if (auto* part = std::get_if<Part>(&*answer)) return std::move(*part);
  const auto* failure = std::get_if<Failure>(&*answer);
  return Error(Errc::refused_by_custodian,
               failure != nullptr ? failure->code + ": " + failure->detail : "another answer");
}

}  // namespace

session::host::Sealing seal_by_custodian(CustodianLink& link, const std::string& role) {
  session::host::Sealing out;
  out.seal = [&link, role](const base::Sha256Digest& result, base::SecretBytes plain,
                           std::function<void(Result<Bytes>)> done) {
    link.request(
        EncryptRequest{session_share_key(role, result), associated_data(role), std::move(plain)},
        [done = std::move(done)](Result<ResponseBody> answer) {
          auto made = part_of<MadeEnvelope>(std::move(answer));
          if (!made) return done(made.error());
          done(std::move(made->envelope));
        });
  };
  out.open = [&link, role](Bytes sealed, std::function<void(Result<base::SecretBytes>)> done) {
    const auto name = key_of(sealed, role);
    if (!name) return done(name.error());
    link.request(DecryptRequest{*name, associated_data(role), std::move(sealed)},
                 [done = std::move(done)](Result<ResponseBody> answer) {
                   auto given = part_of<GivenBytes>(std::move(answer));
                   if (!given) return done(given.error());
                   done(std::move(given->bytes));
                 });
  };
  return out;
}

}  // namespace concordat::enclave
