#include "deploy/enclave/session_sealing.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/agent/call.hpp"

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

std::string sealing_key_of(std::string_view role) {
  return std::string(agent::kSessionShares) + std::string(role);
}

session::host::Sealing seal_by_custodian(CustodianLink& link, const std::string& role) {
  session::host::Sealing out;
  out.seal = [&link, role](base::SecretBytes plain, std::function<void(Result<Bytes>)> done) {
    link.request(EncryptRequest{sealing_key_of(role), associated_data(role), std::move(plain)},
                 [done = std::move(done)](Result<ResponseBody> answer) {
                   auto made = part_of<MadeEnvelope>(std::move(answer));
                   if (!made) return done(made.error());
                   done(std::move(made->envelope));
                 });
  };
  out.open = [&link, role](Bytes sealed, std::function<void(Result<base::SecretBytes>)> done) {
    link.request(DecryptRequest{sealing_key_of(role), associated_data(role), std::move(sealed)},
                 [done = std::move(done)](Result<ResponseBody> answer) {
                   auto given = part_of<GivenBytes>(std::move(answer));
                   if (!given) return done(given.error());
                   done(std::move(given->bytes));
                 });
  };
  return out;
}

}  // namespace concordat::enclave
