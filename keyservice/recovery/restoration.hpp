// How an enclave without its root gets it back from its holders. No I/O, no clock.
//
//            begin               start(order, set)             k shares that match
//   idle ------------> attested -------------------> collecting ----------------> root; idle
//                         ^  |                            |
//                         +--+------------ begin anew ----+         the key is wiped with each
//
// A wrong or repeated share is told as its holder's, and the others stand. Only what is signed by
// k of the authority's signers (the order) or sealed by a holder's own key (a share) moves it.
#pragma once

#include <map>
#include <set>

#include "keyservice/recovery/contribution.hpp"

namespace concordat::keyservice::recovery {

// What became of a holder's contributions.
struct HolderState {
  std::string name;
  bool is_in = false;
  std::uint64_t refused = 0;  // of those that the holder sealed, as often as they were carried here
  std::string last_refusal;   // code; empty: none
};

enum class Phase : std::uint8_t { idle = 1, attested, collecting };

struct RestorationStatus {
  Phase phase = Phase::idle;
  std::optional<policy::HolderKey> target;
  std::optional<policy::RestoreOrder> order;
  std::size_t threshold = 0;  // of the set; 0: none yet
  std::vector<HolderState> holders;
  std::uint64_t not_authentic = 0;  // contributions that were nobody's
};

class Restoration {
 public:
  // A fresh key, for `policy`; what to mint a document from. under_way where there is one that an
  // order may be for, unless `anew`.
  [[nodiscard]] base::Result<attest::MintRequest> begin(const policy::RecoveryChallenge& challenge,
                                                        const policy::Policy& policy,
                                                        base::UnixMillis now, bool anew);
  // The same order again changes nothing. not_begun, key_expired, under_way (another order is),
  // those of verify_order, other_generation (the policy pins another), document_differs (another
  // target), set_differs, no_recovery_holders.
  [[nodiscard]] base::Status start(base::BytesView order, base::BytesView set,
                                   const attest::AuthorityDescriptor& authority,
                                   const policy::Policy& policy, base::UnixMillis now);
  // nullopt: taken, and more are needed. not_started, key_expired, those of check_order,
  // parse_contribution and open_contribution, not_a_holder, share_wrong, share_repeated;
  // recovery_set_does_not_open, wrong_root where the set is not of the root that policy pins.
  [[nodiscard]] base::Result<std::optional<Root>> contribute(base::BytesView contribution,
                                                             const policy::Policy& policy,
                                                             base::UnixMillis now);
  // Whose contribution came last; empty where none was authentic. For the log.
  [[nodiscard]] const std::string& last_holder() const noexcept { return last_holder_; }
  [[nodiscard]] bool is_collecting() const noexcept { return collecting_.has_value(); }
  [[nodiscard]] RestorationStatus status() const;
  // Wipes key and shares.
  void forget() noexcept;
  // The same where the key has ended.
  void expire(base::UnixMillis now) noexcept;

 private:
  struct Target {
    base::hpke::PrivateKey key;
    policy::RecoveryChallenge challenge;
    base::UnixMillis begun;
  };
  struct Collecting {
    policy::SignedOrder<policy::RestoreOrder> order;
    RecoverySet set;
    std::vector<base::sharing::Share> shares;
    std::map<std::string, HolderState, std::less<>> holders;
    std::uint64_t not_authentic = 0;
  };
  [[nodiscard]] base::Status check_key(base::UnixMillis now);
  [[nodiscard]] base::Result<base::sharing::Share> judge(const Contribution& contribution,
                                                         const policy::Policy& policy);
  [[nodiscard]] base::Result<Root> restore(const policy::Policy& policy) const;

  std::optional<Target> target_;
  std::optional<Collecting> collecting_;
  std::string last_holder_;
};

}  // namespace concordat::keyservice::recovery
