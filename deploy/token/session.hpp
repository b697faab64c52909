// One session with one token: objects, login, signatures. Internal.
#pragma once

#include <optional>
#include <vector>

#include "attest/base/secret.hpp"
#include "deploy/token/slots.hpp"
#include "policy/signer.hpp"

namespace concordat::token {

class Session {
 public:
  // Read-only. `module` outlives the session.
  [[nodiscard]] static base::Result<std::unique_ptr<Session>> open(const Module& module,
                                                                   CK_SLOT_ID slot);
  // Logs out and closes.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // `pin` null: the token asks for it on a pad of its own.
  [[nodiscard]] base::Status login(CK_USER_TYPE user, const base::SecretBytes* pin);

  // Objects of the class CKO_PUBLIC_KEY or CKO_PRIVATE_KEY with this label and id, where given.
  [[nodiscard]] base::Result<std::vector<CK_OBJECT_HANDLE>> find_keys(
      CK_OBJECT_CLASS object_class, const std::optional<std::string>& label,
      const std::optional<base::Bytes>& id) const;
  // nullopt where the object has no such attribute, or does not show it.
  [[nodiscard]] base::Result<std::optional<base::Bytes>> attribute(CK_OBJECT_HANDLE object,
                                                                   CK_ATTRIBUTE_TYPE type) const;
  // CKM_EDDSA without parameters: Ed25519 over `message` itself. `pin` for keys that want it before
  // each use (CKA_ALWAYS_AUTHENTICATE). Unverified.
  [[nodiscard]] base::Result<policy::Signature> sign(CK_OBJECT_HANDLE key, base::BytesView message,
                                                     const base::SecretBytes* pin);

 private:
  Session(const Module& module, CK_SESSION_HANDLE handle) noexcept
      : functions_(module.functions()), handle_(handle) {}
  [[nodiscard]] base::Result<bool> always_authenticates(CK_OBJECT_HANDLE key) const;

  CK_FUNCTION_LIST& functions_;
  CK_SESSION_HANDLE handle_;
};

}  // namespace concordat::token
