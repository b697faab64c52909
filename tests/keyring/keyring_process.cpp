// The keyring behind lines of JSON, for tests in other languages: one request a line on standard
// input, one answer a line on standard output. Bytes are hex. The keys are made up by the test.
//
//   {"do": "encrypt", "key": {"type", "name", "version", "material"}, "aad", "plaintext"}
//   -> {"envelope"} or {"error", "detail"}
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/derivation.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/pkcs8.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "keyservice/keyring/signing.hpp"

namespace {

using namespace concordat;
using namespace concordat::keyservice;
using nlohmann::json;

base::Bytes bytes(const json& request, const char* field) {
  return base::from_hex(request.at(field).get<std::string>()).value();
}

base::SecretBytes secret(const json& request, const char* field) {
  base::Bytes plain = bytes(request, field);
  return base::SecretBytes::take(plain);
}

std::string hex(const base::SecretBytes& value) {
  return base::to_hex(value.expose(base::SecretAccess{}));
}

KeyType type_named(const std::string& name) {
  for (const KeyType type : kKeyTypes) {
    if (to_string(type) == name) return type;
  }
  throw std::invalid_argument("no key type " + name);
}

// A key of the request, or the root that a derived one comes from.
struct Key {
  explicit Key(const json& request)
      : name(request.at("name")),
        type(type_named(request.at("type"))),
        version(request.at("version")),
        material(secret(request, "material")),
        exportable(request.value("exportable", true)) {
    if (type == KeyType::derived) root = Root::create(1, material.clone()).value();
  }
  [[nodiscard]] KeyInUse in_use() const {
    return {name,
            type,
            version,
            type == KeyType::derived ? nullptr : &material,
            root ? &*root : nullptr,
            exportable};
  }

  std::string name;
  KeyType type;
  std::uint32_t version;
  base::SecretBytes material;
  bool exportable;
  std::optional<Root> root;
};

base::Result<json> answer_of(base::Result<Envelope> envelope) {
  if (!envelope) return envelope.error();
  return json{{"envelope", base::to_hex(encode(*envelope))}};
}
base::Result<json> answer_of(base::Result<base::SecretBytes> value) {
  if (!value) return value.error();
  return json{{"bytes", hex(*value)}};
}

using Handler = base::Result<json> (*)(const json&, const KeyInUse&);

base::Result<Envelope> envelope_of(const json& request) {
  return decode_envelope(bytes(request, "envelope"));
}

base::Result<json> do_decrypt(const json& request, const KeyInUse& key) {
  CONCORDAT_TRY(const Envelope envelope, envelope_of(request));
  return answer_of(decrypt(key, bytes(request, "aad"), envelope));
}
base::Result<json> do_unwrap(const json& request, const KeyInUse& key) {
  CONCORDAT_TRY(const Envelope envelope, envelope_of(request));
  return answer_of(unwrap(key, envelope));
}
base::Result<json> do_verify(const json& request, const KeyInUse& key) {
  CONCORDAT_TRY(const Envelope envelope, envelope_of(request));
  CONCORDAT_CHECK(verify(key, envelope, bytes(request, "message")));
  return json::object();
}
base::Result<json> do_encrypt(const json& request, const KeyInUse& key) {
  base::SystemRandom random;
  return answer_of(encrypt(key, bytes(request, "aad"), secret(request, "plaintext"), random));
}
base::Result<json> do_wrap(const json& request, const KeyInUse& key) {
  base::SystemRandom random;
  if (!request.contains("wrapped")) {
    return answer_of(wrap_bytes(key, secret(request, "plaintext"), random));
  }
  const Key wrapped(request.at("wrapped"));
  return answer_of(wrap_key(key, wrapped.in_use(), random));
}
base::Result<json> do_sign(const json& request, const KeyInUse& key) {
  return answer_of(sign(key, bytes(request, "message")));
}
base::Result<json> do_mac(const json& request, const KeyInUse& key) {
  return answer_of(mac(key, bytes(request, "message")));
}
base::Result<json> do_derive(const json& request, const KeyInUse& key) {
  return answer_of(derive(key, bytes(request, "context"), request.at("size")));
}
base::Result<json> do_agree(const json& request, const KeyInUse& key) {
  CONCORDAT_TRY(const PeerPublicKey peer, PeerPublicKey::from(bytes(request, "peer")));
  return answer_of(agree(key, peer, bytes(request, "context"), request.at("size")));
}
base::Result<json> do_public(const json&, const KeyInUse& key) {
  CONCORDAT_TRY(const PublicKey made, public_key(key));
  return json{{"raw", base::to_hex(made.raw)}, {"pem", made.pem()}};
}
base::Result<json> do_import(const json& request, const KeyInUse& key) {
  return answer_of(import_pkcs8(key.type, secret(request, "der")));
}

base::Result<json> answer(const json& request) {
  static const std::map<std::string, Handler> handlers{
      {"encrypt", do_encrypt}, {"decrypt", do_decrypt}, {"wrap", do_wrap},    {"unwrap", do_unwrap},
      {"sign", do_sign},       {"verify", do_verify},   {"mac", do_mac},      {"derive", do_derive},
      {"agree", do_agree},     {"public", do_public},   {"import", do_import}};
  const Key key(request.at("key"));
  return handlers.at(request.at("do"))(request, key.in_use());
}

}  // namespace

int main() {
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto out = answer(json::parse(line));
    const json printed =
        out ? *out
            : json{{"error", std::string(out.error().name())}, {"detail", out.error().detail()}};
    std::cout << printed.dump() << std::endl;
  }
}
