// What a custodian does about recovery shares when an admitted operator asks: makes them from its
// root on the signers' order, or, without a root, collects them. The operator only carries: orders
// are signed, shares are sealed, and each is judged by itself. No I/O, no clock.
#pragma once

#include <concepts>
#include <deque>
#include <functional>

#include "keyservice/admin_messages.hpp"
#include "keyservice/custody.hpp"
#include "keyservice/recovery/restoration.hpp"

namespace concordat::keyservice::recovery {

template <class Request>
concept DeskRequest = std::same_as<Request, MakeRecoverySetRequest> ||
    std::same_as<Request, AttestRestoringRequest> || std::same_as<Request, StartRestoringRequest> ||
    std::same_as<Request, ContributeShareRequest> || std::same_as<Request, RestoringStatusRequest>;

// For the log and whoever keeps a record. `set` and `holder` are empty where there is none.
struct DeskEvent {
  std::string_view name;  // recovery_set_made, recovery_attested, recovery_started,
                          // recovery_share_taken, recovery_share_refused, root_restored
  std::string who;        // the operator that carried it
  std::string set, holder;
  base::Status outcome;
};
// In one line of printable ASCII, without who and outcome.
[[nodiscard]] std::string described(const DeskEvent& event);

// What the desk is given. Called on the thread that serves.
struct DeskWays {
  // Calls back once, whether or not the desk is still there.
  using Minted = std::function<void(base::Result<base::Bytes>)>;
  std::function<base::Status(attest::MintRequest, Minted)> mint;
  // The root that was restored, which `policy` pins.
  std::function<base::Status(Root)> take_root;
  std::function<void(const DeskEvent&)> tell;
};

class Desk {
 public:
  // In force at the call, and who asks.
  struct Context {
    policy::PolicyPtr policy;
    base::UnixMillis now;
    std::string who;
    // Told before the answer what it came to, beside DeskWays::tell; may be empty.
    std::function<void(const DeskEvent&)> told{};
  };
  // One CBOR item (admin_messages.hpp).
  using Done = std::function<void(base::Result<base::Bytes>)>;

  // `custody` outlives the desk.
  Desk(Custody& custody, const attest::AuthorityDescriptor& authority, DeskWays ways)
      : custody_(custody), authority_(authority), ways_(std::move(ways)) {}
  ~Desk() { *alive_ = false; }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  // `done` runs once; of requests that need a document whenever that is there.
  void serve(const MakeRecoverySetRequest& request, const Context& context, Done done);
  void serve(const AttestRestoringRequest& request, const Context& context, Done done);
  void serve(const StartRestoringRequest& request, const Context& context, Done done);
  void serve(const ContributeShareRequest& request, const Context& context, Done done);
  void serve(const RestoringStatusRequest& request, const Context& context, Done done);
  // A root came by another way: where none is lacking nothing is collected any more.
  void root_is_here(const policy::Policy& policy) noexcept {
    if (has_all(policy)) restoration_.forget();
  }

 private:
  struct Made {
    policy::OrderDigest order;
    base::Bytes package;
  };
  void tell(const Context& context, const DeskEvent& event) const;
  [[nodiscard]] base::Result<base::Bytes> status(const policy::Policy& policy) const;
  // Nothing is collected where every pinned root is held.
  [[nodiscard]] bool has_all(const policy::Policy& policy) const;
  [[nodiscard]] base::Status want_a_root(const policy::Policy& policy) const;
  void give_up_unattested() noexcept;
  void remember(const policy::OrderDigest& order, const base::Bytes& package);

  Custody& custody_;
  const attest::AuthorityDescriptor& authority_;
  DeskWays ways_;
  Restoration restoration_;
  std::deque<Made> made_;  // the latest last
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice::recovery
