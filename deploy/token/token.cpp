#include "deploy/token/token.hpp"

#include <algorithm>
#include <tuple>

#include "deploy/token/public_point.hpp"
#include "deploy/token/session.hpp"
#include "policy/finding.hpp"

namespace concordat::token {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::SecretBytes;
using policy::SignerKey;

// Module, token and session in the order in which they must end.
struct Connection {
  std::unique_ptr<Module> module;
  Slot slot;
  std::unique_ptr<Session> session;
};

Result<Connection> connect(const std::string& module_path, const Uri& uri) {
  Connection out;
  CONCORDAT_TRY(out.module, Module::load(module_path));
  CONCORDAT_TRY(out.slot, find_one_slot(*out.module, uri));
  CONCORDAT_TRY(out.session, Session::open(*out.module, out.slot.id));
  return out;
}

// The PIN that was given, if one was wanted.
Result<std::optional<SecretBytes>> log_in(Connection& connection, const AskPin& ask) {
  const Slot& slot = connection.slot;
  const auto refuse = [&](TokenErrc code, const char* what_to_do) {
    return Error(code, "token " + policy::quote(slot.label) + what_to_do);
  };
  if ((slot.flags & CKF_LOGIN_REQUIRED) == 0) return std::optional<SecretBytes>();
  if ((slot.flags & CKF_USER_PIN_LOCKED) != 0) {
    return refuse(TokenErrc::pin_locked, "; its security officer can set a new one");
  }
  if ((slot.flags & CKF_USER_PIN_INITIALIZED) == 0) {
    return refuse(TokenErrc::pin_not_set, "; set one with the tools of its maker");
  }
  std::optional<SecretBytes> pin;
  if ((slot.flags & CKF_PROTECTED_AUTHENTICATION_PATH) == 0) {
    CONCORDAT_TRY(pin, ask({slot.label, (slot.flags & CKF_USER_PIN_FINAL_TRY) != 0}));
    if (pin->empty()) return refuse(TokenErrc::pin_needed, ": the PIN is empty");
  }
  const auto status = connection.session->login(CKU_USER, pin ? &*pin : nullptr);
  if (!status && status.error().is(TokenErrc::pin_wrong)) {
    return refuse(TokenErrc::pin_wrong, "; after a few wrong ones it locks");
  }
  CONCORDAT_CHECK(status);
  return pin;
}

Result<std::string> label_of(const Session& session, CK_OBJECT_HANDLE object) {
  CONCORDAT_TRY(const auto label, session.attribute(object, CKA_LABEL));
  return std::string(base::as_text(label.value_or(Bytes())));
}

Result<Bytes> id_of(const Session& session, CK_OBJECT_HANDLE object) {
  CONCORDAT_TRY(auto id, session.attribute(object, CKA_ID));
  return std::move(id).value_or(Bytes());
}

// "alice" (id 01), ... in an order that does not change from call to call.
Result<std::string> names_of(const Session& session, const std::vector<CK_OBJECT_HANDLE>& objects) {
  std::vector<std::string> names;
  for (const CK_OBJECT_HANDLE object : objects) {
    CONCORDAT_TRY(const std::string label, label_of(session, object));
    CONCORDAT_TRY(const Bytes id, id_of(session, object));
    names.push_back(policy::quote(label) + " (id " + base::to_hex(id) + ")");
  }
  std::ranges::sort(names);
  std::string out;
  for (const std::string& name : names)
    out += (out.empty() ? "" : ", ") + name;
  return out;
}

Result<CK_OBJECT_HANDLE> find_one_key(const Connection& connection, CK_OBJECT_CLASS object_class,
                                      const Uri& uri) {
  const Session& session = *connection.session;
  const std::string kind = object_class == CKO_PRIVATE_KEY ? "private" : "public";
  CONCORDAT_TRY(const auto found, session.find_keys(object_class, uri.object, uri.id));
  if (found.size() == 1) return found.front();
  if (found.size() > 1) {
    CONCORDAT_TRY(const std::string names, names_of(session, found));
    return Error(TokenErrc::several_keys, names + "; name one by object= and id=");
  }
  CONCORDAT_TRY(const auto others, session.find_keys(object_class, {}, {}));
  CONCORDAT_TRY(const std::string names, names_of(session, others));
  return Error(TokenErrc::key_not_found, "of its Ed25519 " + kind + " keys token " +
                                             policy::quote(connection.slot.label) +
                                             (others.empty() ? " shows none" : " shows " + names));
}

Result<std::optional<SignerKey>> point_of(const Session& session, CK_OBJECT_HANDLE object) {
  CONCORDAT_TRY(const auto value, session.attribute(object, CKA_EC_POINT));
  if (!value || value->empty()) return std::optional<SignerKey>();
  CONCORDAT_TRY(const SignerKey key, read_public_point(*value));
  return std::optional(key);
}

// Tokens keep the point on the public key, which has the private key's id (or, where keys have no
// ids, its label); some keep it on the private key, too.
Result<SignerKey> public_key_beside(const Session& session, CK_OBJECT_HANDLE private_key) {
  CONCORDAT_TRY(const std::string label, label_of(session, private_key));
  CONCORDAT_TRY(const Bytes id, id_of(session, private_key));
  CONCORDAT_TRY(auto objects, id.empty() ? session.find_keys(CKO_PUBLIC_KEY, label, {})
                                         : session.find_keys(CKO_PUBLIC_KEY, {}, id));
  objects.push_back(private_key);
  std::optional<SignerKey> key;
  for (const CK_OBJECT_HANDLE object : objects) {
    CONCORDAT_TRY(const auto point, point_of(session, object));
    if (point && key && *point != *key) {
      return Error(TokenErrc::several_keys,
                   "different public keys with the id (or label) of " + policy::quote(label));
    }
    if (point) key = point;
  }
  if (!key) {
    return Error(TokenErrc::no_public_key, "no public key beside private key " +
                                               policy::quote(label) + "; add it to the token");
  }
  return *key;
}

class TokenSigner final : public policy::Signer {
 public:
  TokenSigner(Connection connection, CK_OBJECT_HANDLE key, const SignerKey& public_key,
              std::optional<SecretBytes> pin)
      : connection_(std::move(connection)),
        key_(key),
        public_key_(public_key),
        pin_(std::move(pin)) {}

  [[nodiscard]] const SignerKey& public_key() const noexcept override { return public_key_; }
  [[nodiscard]] Result<policy::Signature> sign(base::BytesView message) const override {
    return connection_.session->sign(key_, message, pin_ ? &*pin_ : nullptr);
  }

 private:
  Connection connection_;
  CK_OBJECT_HANDLE key_;
  SignerKey public_key_;
  std::optional<SecretBytes> pin_;
};

Result<std::vector<KeyOnToken>> keys_on(const Module& module, const Slot& slot,
                                        bool label_is_unique) {
  CONCORDAT_TRY(const auto session, Session::open(module, slot.id));
  CONCORDAT_TRY(const auto objects, session->find_keys(CKO_PUBLIC_KEY, {}, {}));
  std::vector<KeyOnToken> keys;
  for (const CK_OBJECT_HANDLE object : objects) {
    const auto point = point_of(*session, object);
    if (!point && point.error().is(TokenErrc::no_public_key)) continue;  // of Ed448, for one
    CONCORDAT_CHECK(point);
    if (!*point) continue;
    KeyOnToken key;
    key.public_key = **point;
    CONCORDAT_TRY(key.label, label_of(*session, object));
    CONCORDAT_TRY(key.id, id_of(*session, object));
    key.uri.token = slot.label;
    if (!label_is_unique) key.uri.serial = slot.serial;
    if (!key.label.empty()) key.uri.object = key.label;
    if (!key.id.empty()) key.uri.id = key.id;
    keys.push_back(std::move(key));
  }
  std::ranges::sort(keys, {}, [](const KeyOnToken& key) { return std::tie(key.label, key.id); });
  return keys;
}

}  // namespace

Result<std::vector<TokenDescription>> list_tokens(const std::string& module_path) {
  CONCORDAT_TRY(const auto module, Module::load(module_path));
  CONCORDAT_TRY(const std::vector<Slot> slots, find_slots(*module));
  std::vector<TokenDescription> tokens;
  for (const Slot& slot : slots) {
    const bool label_is_unique = std::ranges::count(slots, slot.label, &Slot::label) == 1;
    TokenDescription token{slot.label,
                           slot.manufacturer,
                           slot.model,
                           slot.serial,
                           require_eddsa(*module, slot).has_value(),
                           {}};
    CONCORDAT_TRY(token.keys, keys_on(*module, slot, label_is_unique));
    tokens.push_back(std::move(token));
  }
  std::ranges::sort(tokens, {}, [](const TokenDescription& token) {
    return std::tie(token.label, token.serial);
  });
  return tokens;
}

Result<SignerKey> read_public_key(const std::string& module, const Uri& uri, const AskPin* ask) {
  CONCORDAT_TRY(Connection connection, connect(module, uri));
  if (ask != nullptr) CONCORDAT_CHECK(log_in(connection, *ask));
  CONCORDAT_TRY(const CK_OBJECT_HANDLE object, find_one_key(connection, CKO_PUBLIC_KEY, uri));
  CONCORDAT_TRY(const auto point, point_of(*connection.session, object));
  if (!point) return Error(TokenErrc::no_public_key, "the object has no CKA_EC_POINT");
  return *point;
}

Result<std::unique_ptr<policy::Signer>> open_signer(const std::string& module, const Uri& uri,
                                                    const AskPin& ask) {
  CONCORDAT_TRY(Connection connection, connect(module, uri));
  CONCORDAT_CHECK(require_eddsa(*connection.module, connection.slot));
  CONCORDAT_TRY(std::optional<SecretBytes> pin, log_in(connection, ask));
  CONCORDAT_TRY(const CK_OBJECT_HANDLE key, find_one_key(connection, CKO_PRIVATE_KEY, uri));
  CONCORDAT_TRY(const SignerKey public_key, public_key_beside(*connection.session, key));
  return std::unique_ptr<policy::Signer>(
      new TokenSigner(std::move(connection), key, public_key, std::move(pin)));
}

}  // namespace concordat::token
