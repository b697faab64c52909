// What the parts of the custodian's server share, and nobody else.
#pragma once

#include <deque>

#include "keyservice/custodian_io.hpp"
#include "peer/error.hpp"
#include "policy/replicas.hpp"

namespace concordat::keyservice {

struct Custodian::Session {
  std::uint64_t number = 0;
  std::string source;  // the parent's word, for the log only
  std::shared_ptr<peer::SecureStream> stream;
  // Who was admitted, once somebody is: two kinds that nothing here takes for one another.
  std::optional<policy::AdmittedPeer> peer;
  std::optional<policy::AdmittedOperator> who;
  std::size_t serving = 0;                           // requests of a worker that wait for the store
  std::deque<base::SecretBytes> held;                // that wait for a look at it
  std::optional<journal::Head> told;                 // of the journal, when it was last answered
  std::optional<SignOfLife> sign;                    // that it was told last
  std::deque<std::unique_ptr<AdminAnswer>> answers;  // that an operator is owed
  std::size_t administering = 0;  // requests of an operator that wait for the store
  bool evicted = false;           // its stream is ending, to make room
  bool is_recorded = false;       // its admission, as far as is known, by this boot
  bool is_kept = false;           // its admission, for when the log takes entries
  HeadTeller teller;              // of another custodian

  [[nodiscard]] bool is_admitted() const noexcept { return peer || who; }
  [[nodiscard]] bool is_custodian() const noexcept {
    return peer && peer->purpose() == policy::kReplicaPurpose;
  }
  [[nodiscard]] const policy::PolicyDigest& digest() const noexcept {
    return peer ? peer->policy_digest() : who->policy_digest();
  }
};

struct Custodian::HeldAnswer {
  HeldAnswer(ServedRequest what, std::shared_ptr<std::size_t> held)
      : served(std::move(what)), bytes(served.response.size()), all(std::move(held)) {
    *all += bytes;
  }
  ~HeldAnswer() { *all -= bytes; }
  HeldAnswer(const HeldAnswer&) = delete;
  HeldAnswer& operator=(const HeldAnswer&) = delete;

  ServedRequest served;
  std::size_t bytes;
  std::shared_ptr<std::size_t> all;
};

template <class Step>
void Custodian::guarded(const SessionPtr& session, const Step& step) noexcept {
  try {
    step();
  } catch (const std::bad_alloc&) {
    session->stream->abort(base::Error(peer::Errc::out_of_memory));
  }
}

}  // namespace concordat::keyservice
