#include "keyservice/root_keeper_io.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <system_error>

#include "keyservice/error.hpp"
#include "policy/errc.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

bool is_contradiction(const Error& error) {
  return error.is(Errc::wrong_root) || error.is(Errc::no_root_pinned);
}

// A gap in the statements ends channels at once. The root goes when the gap has lasted as long
// again as a statement counts: until then the next statement brings everything back without KMS.
std::chrono::milliseconds patience(const policy::Policy& policy) {
  return std::chrono::seconds(policy.model().freshness ? policy.model().freshness->max_age_seconds
                                                       : 0);
}

}  // namespace

RootKeeper::RootKeeper(EnclaveRuntime& runtime, Enclave& enclave, KmsService& kms, Custody& custody,
                       base::Logger& log)
    : runtime_(runtime),
      enclave_(enclave),
      kms_(kms),
      custody_(custody),
      log_(log),
      timer_(runtime.io()) {}

RootKeeper::~RootKeeper() {
  *alive_ = false;
  if (thread_.joinable()) thread_.join();
}

void RootKeeper::stop() {
  stopped_ = true;
  timer_.cancel();
}

void RootKeeper::standing_changed(const Status& standing) {
  timer_.cancel();
  if (stopped_) return;
  if (standing) return unseal();  // a round of nothing where none is lacking
  if (!custody_.has_root()) return;
  const bool for_want_of_freshness =
      standing.error().code().category() == base::enum_category<policy::FreshnessErrc>();
  if (!for_want_of_freshness) return wipe(standing.error());
  wipe_reason_ = standing.error();
  timer_.expires_after(patience(*enclave_.policies.latest()));
  timer_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (!error && *alive && !stopped_) wipe(wipe_reason_);
  }));
}

void RootKeeper::policy_changed() {
  if (stopped_ || !custody_.has_root()) return;
  const policy::Policy& policy = *enclave_.policies.latest();
  const Status right = custody_.check_root(policy);
  custody_.pin(policy);
  if (custody_.has_root()) return unseal();
  if (contradiction_) contradiction_(right.error());
}

Status RootKeeper::take_restored(Root root) {
  const std::uint32_t generation = root.generation();
  if (stopped_ || custody_.root(generation) != nullptr) {
    return Error(Errc::not_ready, "there is a root of generation " + std::to_string(generation));
  }
  CONCORDAT_CHECK(runtime_.standing());
  const policy::RootGeneration* const pinned = enclave_.policies.latest()->model().root(generation);
  if (pinned == nullptr) {
    return Error(Errc::wrong_root,
                 "the policy does not pin generation " + std::to_string(generation));
  }
  CONCORDAT_CHECK(root.check_commitment(pinned->commitment));
  timer_.cancel();
  backoff_.reset();
  take(std::move(root));
  if (root_ready_) root_ready_();
  unseal();  // those that are lacking still
  return {};
}

void RootKeeper::take(Root root) {
  const policy::Policy& policy = *enclave_.policies.latest();
  custody_.take(std::move(root), policy.model().realm);
  custody_.pin(policy);
}

void RootKeeper::wipe(const Error& why) {
  custody_.wipe();
  if (wiped_) wiped_();
  log_.error("root_wiped", why);
}

void RootKeeper::beside(std::function<std::function<void()>()> work) {
  if (thread_.joinable()) thread_.join();  // of the step before, which has answered
  const auto then = std::make_shared<std::function<void()>>();
  const auto memory = std::make_shared<peer::ReservedMemory>();
  try {
    thread_ = std::thread([this, alive = alive_, work = std::move(work), then, memory] {
      try {
        *then = work();
      } catch (const std::bad_alloc&) {
        *then = [this] { on_unsealed(Error(Errc::out_of_memory)); };
      }
      boost::asio::post(runtime_.io(), peer::with(memory, [this, alive, then] {
                          if (*alive && !stopped_) guarded(*then);
                        }));
    });
  } catch (const std::system_error&) {  // no thread to be had: as good as no memory
    throw std::bad_alloc();
  }
}

template <class Step>
void RootKeeper::guarded(const Step& step) {
  try {
    step();
  } catch (const std::bad_alloc&) {
    give_up(Error(Errc::out_of_memory));
  }
}

void RootKeeper::unseal() {
  if (unsealing_ || stopped_) return;
  unsealing_ = true;
  tried_.clear();
  round_policy_.reset();
  failure_.reset();
  is_hopeless_ = true;
  guarded([this] { next_root(); });
}

Result<policy::PolicyPtr> RootKeeper::policy_now() {
  CONCORDAT_TRY(const peer::Now now, runtime_.party().clock());
  return enclave_.policies.at(now.wall);
}

const policy::RootGeneration* RootKeeper::wanted(const policy::Policy& policy) const {
  const auto lacking = [&](const policy::RootGeneration& pinned) {
    return custody_.root(pinned.generation) == nullptr &&
           std::ranges::find(tried_, pinned.generation) == tried_.end();
  };
  const policy::RootGeneration* const current = policy.model().current_root();
  if (current == nullptr || lacking(*current)) return current;
  const auto& all = policy.model().root_generations;
  const auto found = std::ranges::find_if(all, lacking);
  return found == all.end() ? nullptr : &*found;
}

void RootKeeper::next_root() {
  const auto policy = policy_now();
  if (!policy) return give_up(policy.error());
  round_policy_ = (*policy)->digest();
  if ((*policy)->model().current_root() == nullptr) return give_up(Error(Errc::no_root_pinned));
  const policy::RootGeneration* const next = wanted(**policy);
  if (next == nullptr) return end_round();
  generation_ = next->generation;
  tried_.push_back(generation_);
  fetch_ ? ask_others(*next) : make_recipient();
}

void RootKeeper::ask_others(const policy::RootGeneration& wanted) {
  fetch_(wanted, [this, alive = alive_](Result<Root> root) {
    if (!*alive || stopped_) return;
    if (!root) return guarded([this] { make_recipient(); });
    from_ = "custodian";
    on_unsealed(std::move(root));
  });
}

void RootKeeper::make_recipient() {
  from_ = "kms";
  beside([this] {
    const auto made = std::make_shared<Result<RecipientKey>>(RecipientKey::generate());
    return [this, made] {
      if (!*made) return on_unsealed(made->error());
      mint_for(std::make_shared<const RecipientKey>(*std::move(*made)));
    };
  });
}

void RootKeeper::mint_for(const std::shared_ptr<const RecipientKey>& recipient) {
  UnsealOrder order;
  const auto now = runtime_.party().clock();
  if (!now) return on_unsealed(now.error());
  const auto policy = enclave_.policies.at(now->wall);
  if (!policy) return on_unsealed(policy.error());
  order.policy = *policy;
  order.now = now->wall;
  order.generation = generation_;
  const Status queued = runtime_.nsm().mint(
      recipient_document(*recipient), peer::MintPriority::own,
      [this, alive = alive_, recipient, order](Result<base::Bytes> document) mutable {
        if (!*alive || stopped_) return;
        if (!document) return on_unsealed(document.error());
        order.document = *std::move(document);
        guarded([&] { call_kms(recipient, std::move(order)); });
      });
  if (!queued) on_unsealed(queued.error());
}

void RootKeeper::call_kms(const std::shared_ptr<const RecipientKey>& recipient, UnsealOrder order) {
  // Nothing else uses parent and KMS in this way once the enclave is up.
  beside([this, recipient, order = std::move(order)] {
    const auto root =
        std::make_shared<Result<Root>>(unseal_root(enclave_.parent, kms_, *recipient, order));
    return [this, root] { on_unsealed(std::move(*root)); };
  });
}

void RootKeeper::on_unsealed(Result<Root> root) {
  // The policy ended meanwhile: whatever came of it is not wanted, and its return will be told.
  if (!runtime_.standing()) {
    unsealing_ = false;
    return;
  }
  if (!root) {
    note(root.error());
  } else if (custody_.root(root->generation()) == nullptr) {  // else it came by another way
    const std::uint32_t generation = root->generation();
    take(*std::move(root));
    // A newer policy may have come meanwhile: it decides.
    if (custody_.root(generation) != nullptr) {
      log_.info("root_unsealed", {{"generation", generation}, {"from", from_}});
      if (root_ready_) root_ready_();
    }
  }
  guarded([this] { next_root(); });
}

void RootKeeper::note(const Error& why) {
  is_hopeless_ = is_hopeless_ && is_contradiction(why);
  if (!failure_) failure_ = why;
  log_.error("root_not_unsealed", why, {{"generation", generation_}});
}

// The round, with nothing to go on with.
void RootKeeper::give_up(const Error& why) {
  note(why);
  end_round();
}

void RootKeeper::end_round() {
  unsealing_ = false;
  if (stopped_ || !runtime_.standing()) return;
  const policy::Policy& policy = *enclave_.policies.latest();
  tried_.clear();
  if (custody_.has_root() && wanted(policy) == nullptr) return backoff_.reset();
  if (round_policy_ != policy.digest()) return unseal();
  if (!custody_.has_root() && failure_ && is_hopeless_) {
    if (contradiction_) contradiction_(*failure_);
    return;
  }
  unseal_later();
}

void RootKeeper::unseal_later() {
  timer_.expires_after(backoff_.next(*runtime_.party().random));
  timer_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (!error && *alive && !stopped_) unseal();
  }));
}

}  // namespace concordat::keyservice
