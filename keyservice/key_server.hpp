// The custodian's answer to one request of one admitted worker. No I/O, no clock.
#pragma once

#include <memory>

#include "keyservice/messages.hpp"
#include "keyservice/root.hpp"
#include "policy/evaluate.hpp"

namespace concordat::keyservice {

// What happened, for log and metrics; never key bytes.
struct ServedRequest {
  base::SecretBytes response;
  std::string operation;  // "get", "sign", or empty when not understood
  std::string key_name;
  std::uint32_t version = 0;  // of the key that was used
  base::Status outcome;
};

class KeyServer {
 public:
  KeyServer() = default;
  explicit KeyServer(Root root) : root_(std::move(root)) {}

  // Without a root every request is answered not_ready.
  [[nodiscard]] bool has_root() const noexcept { return root_.has_value(); }
  void take(Root root) { root_ = std::move(root); }
  void wipe() noexcept { root_.reset(); }

  // `policy`: in force now, not the one of the peer's handshake, so that a grant withdrawn since is
  // withdrawn for live channels too. Every request gets a response; a refusal says which grant is
  // missing.
  [[nodiscard]] ServedRequest serve(const policy::Policy& policy, const policy::AdmittedPeer& peer,
                                    base::BytesView record, base::UnixMillis now) const;

  // That there is a root and `policy` pins this very one as the current one: a root that was
  // replaced serves nobody.
  [[nodiscard]] base::Status check_root(const policy::Policy& policy) const;

  // Only with a root.
  [[nodiscard]] const Root& root() const noexcept { return *root_; }

 private:
  [[nodiscard]] base::Result<ResponseBody> answer(const policy::Policy& policy,
                                                  const policy::AdmittedPeer& peer,
                                                  const Request& request,
                                                  base::UnixMillis now) const;
  std::optional<Root> root_;
};

// Ed25519 (RFC 8032) by libsodium with a derived seed.
[[nodiscard]] Signature sign_ed25519(const base::SecretBytes& seed, std::uint32_t version,
                                     base::BytesView message);

}  // namespace concordat::keyservice
