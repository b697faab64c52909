// The custodian's root for as long as policy stands: wiped when the policy has ended, or when
// nobody has confirmed for too long that it is the newest; there again, without a restart, when
// there is a usable policy again. Each attempt asks other custodians first, where there are any:
// that is quick, costs KMS nothing and brings their head of the journal with it; then it unseals
// through KMS. The calls to parent and KMS block, so a thread makes them; everything else happens
// on the io_context.
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

  // Where to ask for the root that a policy pins before KMS is; calls `done` once, or never when it
  // is stopped. What it gives is held to the policy all the same.
  using OnRoot = std::function<void(base::Result<Root>)>;
  using FetchRoot = std::function<void(const policy::PolicyPtr&, OnRoot done)>;
  void ask_first(FetchRoot fetch) { fetch_ = std::move(fetch); }
  // Called when policy and root contradict each other (wrong_root, no_root_pinned): no attempt will
  // mend that, and the program must end.
  void on_contradiction(std::function<void(const base::Error&)> handler) {
    contradiction_ = std::move(handler);
  }
  // Called when there is a root, each time.
  void on_root(std::function<void()> handler) { root_ready_ = std::move(handler); }
  // Called when there is none any more.
  void on_wiped(std::function<void()> handler) { wiped_ = std::move(handler); }
  // The policy's standing (EnclaveRuntime::on_standing), also once at the beginning.
  void standing_changed(const base::Status& standing);
  // A root that came by another way than KMS; it is held to the policy as that one is. Fails, and
  // changes nothing: not_ready where there is a root or no usable policy, wrong_root.
  [[nodiscard]] base::Status take_restored(Root root);
  // A newer policy is in force: the root must be the one that it pins.
  void policy_changed();
  void stop();

 private:
  // Others, and then key, document, KMS: one step after the other.
  void unseal();
  void ask_others();
  void make_recipient();
  void mint_for(const std::shared_ptr<const RecipientKey>& recipient);
  void call_kms(const std::shared_ptr<const RecipientKey>& recipient, UnsealOrder order);
  void on_unsealed(base::Result<Root> root);
  void unseal_later(const base::Error& why);
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
  bool unsealing_ = false;
  bool stopped_ = false;
  std::thread thread_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
