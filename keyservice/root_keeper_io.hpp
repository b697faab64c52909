// The custodian's roots for as long as policy stands: wiped when the policy has ended, or when
// nobody has confirmed for too long that it is the newest; there again, without a restart, when
// there is a usable policy again. Each attempt asks other custodians first, where there are any:
// that is quick, costs KMS nothing and brings their head of the journal with it; then it unseals
// through KMS. Each generation that the policy pins is got by itself, the current one first: one
// whose blob is missing or another's is tried again, and the others serve. The calls to parent and
// KMS block, so a thread makes them; everything else happens on the io_context.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <thread>

#include "attest/base/log.hpp"
#include "keyservice/backoff.hpp"
#include "keyservice/custody.hpp"
#include "keyservice/enclave_runtime_io.hpp"

namespace concordat::keyservice {

class RootKeeper {
 public:
  // References outlive the keeper.
  RootKeeper(EnclaveRuntime& runtime, Enclave& enclave, KmsService& kms, Custody& custody,
             base::Logger& log);
  ~RootKeeper();
  RootKeeper(const RootKeeper&) = delete;
  RootKeeper& operator=(const RootKeeper&) = delete;

  // Where to ask for a root that the policy pins before KMS is; calls `done` once, or never when it
  // is stopped. What it gives is held to the policy all the same.
  using OnRoot = std::function<void(base::Result<Root>)>;
  using FetchRoot = std::function<void(const policy::RootGeneration&, OnRoot done)>;
  void ask_first(FetchRoot fetch) { fetch_ = std::move(fetch); }
  // Called when policy and roots contradict each other (wrong_root, no_root_pinned), and there is
  // none left that does not: no attempt will mend that, and the program must end.
  void on_contradiction(std::function<void(const base::Error&)> handler) {
    contradiction_ = std::move(handler);
  }
  // Called when there is a root, and each time that there is one more.
  void on_root(std::function<void()> handler) { root_ready_ = std::move(handler); }
  // Called when there is none any more.
  void on_wiped(std::function<void()> handler) { wiped_ = std::move(handler); }
  // The policy's standing (EnclaveRuntime::on_standing), also once at the beginning.
  void standing_changed(const base::Status& standing);
  // A root that came by another way than KMS; it is held to the policy as that one is. Fails, and
  // changes nothing: not_ready where there is this one or no usable policy, wrong_root.
  [[nodiscard]] base::Status take_restored(Root root);
  // A newer policy is in force: roots that it does not pin go, those that it pins are got.
  void policy_changed();
  void stop();

 private:
  // A round: of each generation that is lacking others, and then key, document, KMS, one step after
  // the other.
  void unseal();
  void next_root();
  void ask_others(const policy::RootGeneration& wanted);
  void make_recipient();
  void mint_for(const std::shared_ptr<const RecipientKey>& recipient);
  void call_kms(const std::shared_ptr<const RecipientKey>& recipient, UnsealOrder order);
  void on_unsealed(base::Result<Root> root);
  void note(const base::Error& why);
  void give_up(const base::Error& why);
  void end_round();
  [[nodiscard]] base::Result<policy::PolicyPtr> policy_now();
  // The first that `policy` pins, the current one before others, that is neither held nor tried.
  [[nodiscard]] const policy::RootGeneration* wanted(const policy::Policy& policy) const;
  void take(Root root);
  void unseal_later();
  // Runs `work` on the thread and then what it returned on the io_context.
  void beside(std::function<std::function<void()>()> work);
  // A step that lacks memory is an attempt that failed.
  template <class Step>
  void guarded(const Step& step);
  void wipe(const base::Error& why);

  EnclaveRuntime& runtime_;
  Enclave& enclave_;
  KmsService& kms_;
  Custody& custody_;
  base::Logger& log_;
  std::function<void(const base::Error&)> contradiction_;
  std::function<void()> root_ready_;
  std::function<void()> wiped_;
  FetchRoot fetch_;
  base::Error wipe_reason_;
  peer::ReservedMemoryPtr memory_ = std::make_shared<peer::ReservedMemory>();
  boost::asio::steady_timer timer_;  // the next attempt, or the end of patience with staleness
  Backoff backoff_{std::chrono::seconds(1), std::chrono::seconds(60)};
  std::string_view from_;  // whom the attempt under way asks
  // Of the round under way.
  std::uint32_t generation_ = 0;
  std::vector<std::uint32_t> tried_;
  std::optional<policy::PolicyDigest> round_policy_;
  std::optional<base::Error> failure_;  // the first
  bool is_hopeless_ = true;             // every failure was a contradiction
  bool unsealing_ = false;
  bool stopped_ = false;
  std::thread thread_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
