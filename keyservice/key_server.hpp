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
  base::Status outcome;
};

class KeyServer {
 public:
  explicit KeyServer(Root root) : root_(std::move(root)) {}

  // `policy`: in force now, not the one of the peer's handshake, so that a grant withdrawn since is
  // withdrawn for live channels too. Every request gets a response; a refusal says which grant is
  // missing.
  [[nodiscard]] ServedRequest serve(const policy::Policy& policy, const policy::AdmittedPeer& peer,
                                    base::BytesView record, base::UnixMillis now) const;

  // That `policy` pins this very root as the current one: a root that was replaced serves nobody.
  [[nodiscard]] base::Status check_root(const policy::Policy& policy) const;

  [[nodiscard]] const Root& root() const noexcept { return root_; }

 private:
  [[nodiscard]] base::Result<ResponseBody> answer(const policy::Policy& policy,
                                                  const policy::AdmittedPeer& peer,
                                                  const Request& request,
                                                  base::UnixMillis now) const;
  Root root_;
};

// Ed25519 (RFC 8032) by libsodium with a derived seed.
[[nodiscard]] Signature sign_ed25519(const base::SecretBytes& seed, std::uint32_t version,
                                     base::BytesView message);

}  // namespace concordat::keyservice
