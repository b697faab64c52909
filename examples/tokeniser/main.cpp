// A payment tokeniser inside an enclave: card numbers in, tokens out. README.md says what it shows
// and what it leaves to you.
#include <cstdio>

#include "application/application.hpp"
#include "attest/base/secret_access.hpp"
#include "card.hpp"

namespace {

using namespace concordat;
using application::JsonWriter;
using application::Request;
using application::Result;
using base::SecretBytes;

// Keys of the custodian's keyring; policy says which role may do what with them.
constexpr const char* kTokenKey = "cards/tokens";  // mac: tokeniser
constexpr const char* kVaultKey = "cards/vault";   // encrypt: tokeniser; decrypt: settlement
// What is authenticated says what for, so that no other use of the key makes a token.
constexpr std::string_view kDomain = "tokeniser/1:";

constexpr const char* kHelp =
    "tokeniser LISTEN AGENT: card numbers in, tokens out.\n"
    "\n"
    "  LISTEN   where callers connect: vsock:any:PORT in an enclave, unix:PATH in the lab\n"
    "  AGENT    the worker's agent: unix:/run/concordat/agent.sock; unix:lab/agent.sock in the "
    "lab\n"
    "\n"
    "POST /v1/tokenise    {\"card\"}             {\"token\",\"sealed\"}\n"
    "POST /v1/detokenise  {\"token\",\"sealed\"}   {\"card\"}\n"
    "POST /v1/attest      {\"nonce\"}            {\"document\"}\n"
    "GET  /v1/health\n"
    "\n"
    "Exit status: 0 stopped by a signal, 1 it could not begin.\n"
    "\n"
    "Example (the command of an enclave image):\n"
    "  /concordat-worker -- /bin/tokeniser vsock:any:8443 unix:/run/concordat/agent.sock\n";

SecretBytes in_domain(const SecretBytes& number) {
  SecretBytes out = SecretBytes::zeroed(kDomain.size() + number.size());
  const auto to = out.expose_mutable(base::SecretAccess{});
  std::ranges::copy(base::as_bytes(kDomain), to.begin());
  std::ranges::copy(number.expose(base::SecretAccess{}), to.begin() + kDomain.size());
  return out;
}

// The same number gives the same token, and only the custodian's key gives it: who holds a million
// tokens cannot try numbers against them. The number itself is sealed for whom policy lets open it,
// and bound to its token.
Result<JsonWriter> tokenise(const client::Agent& agent, const Request& request) {
  const auto written = request.members.secret_text("card");
  if (!written) return application::malformed_request(written.error());
  const auto number = tokeniser::card_number(*written);
  if (!number) return application::refuse("not_a_card_number", "digits or check digit are wrong");
  const auto tag = agent.mac(kTokenKey, in_domain(*number), request.call());
  if (!tag) return tag.error();
  const std::string token = tokeniser::make_token(tag->version, tag->tag, *number);
  const auto sealed = agent.encrypt(kVaultKey, *number, base::as_bytes(token), request.call());
  if (!sealed) return sealed.error();
  JsonWriter out;
  out.text("token", token).bytes("sealed", base::BytesView(sealed->ciphertext));
  return out;
}

// Refused by the custodian (not_granted) unless this enclave's role may decrypt.
Result<JsonWriter> detokenise(const client::Agent& agent, const Request& request) {
  const auto token = request.members.text("token");
  if (!token) return application::malformed_request(token.error());
  const auto sealed = request.members.bytes("sealed");
  if (!sealed) return application::malformed_request(sealed.error());
  const auto number = agent.decrypt(kVaultKey, *sealed, base::as_bytes(*token), request.call());
  if (!number) return number.error();
  JsonWriter out;
  out.text("card", number->bytes);
  return out;
}

// For a caller who wants to know whom it is about to give card numbers.
Result<JsonWriter> attest(const client::Agent& agent, const Request& request) {
  const auto nonce = request.members.bytes("nonce");
  if (!nonce) return application::malformed_request(nonce.error());
  const auto document = agent.attestation(base::BytesView(*nonce), {}, request.call());
  if (!document) return document.error();
  JsonWriter out;
  out.bytes("document", base::BytesView(*document));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    const bool asked = argc == 2 && std::string_view(argv[1]) == "--help";
    std::fputs(kHelp, asked ? stdout : stderr);
    return asked ? 0 : 1;
  }
  // No core dumps, no tracing.
  if (const auto hardened = base::harden_process(); !hardened) {
    std::fprintf(stderr, "%s\n", hardened.error().to_string().c_str());
    return 1;
  }
  application::Application app(
      {.listen = argv[1], .agent = {.endpoint = argv[2]}, .name = "tokeniser"});
  app.handle("tokenise", [&](const Request& request) { return tokenise(app.agent(), request); });
  app.handle("detokenise",
             [&](const Request& request) { return detokenise(app.agent(), request); });
  app.handle("attest", [&](const Request& request) { return attest(app.agent(), request); });
  return app.run();
}
