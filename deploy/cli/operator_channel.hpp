// An operator's channel to a custodian as the commands see it: one request after the other. They do
// no I/O on sockets: main hands them what opens a channel (operator_link_io.hpp).
#pragma once

#include "keyservice/admin_messages.hpp"
#include "peer/endpoint.hpp"
#include "policy/evaluate.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::cli {

// What a channel is opened with. Pointers outlive it.
struct ChannelOrder {
  peer::Endpoint parent;
  std::string enclave;                        // by its name in the parent's configuration
  policy::PolicyInForce* policies = nullptr;  // a newer one that the enclave hands over goes here
  const policy::Signer* signer = nullptr;
  // Looked after before each attempt: what the policy wants beside itself.
  std::function<base::Status()> before_dial;
  std::string lab_root;  // empty but in the lab's program, which alone has the option
};

// Open, attested and admitted. Blocks for a bounded time.
class OperatorChannel {
 public:
  virtual ~OperatorChannel() = default;
  // Whom it leads to, as its document and policy say.
  [[nodiscard]] virtual const policy::AdmittedPeer& enclave() const noexcept = 0;
  // The last record of the response; parts go to `on_part` (AdminResponseReader). Any error but
  // refused_by_custodian ends the channel.
  [[nodiscard]] virtual base::Result<keyservice::AdminReply> ask(
      keyservice::AdminRequest request,
      const keyservice::AdminResponseReader::OnPart& on_part = {}) = 0;
};

}  // namespace concordat::cli
