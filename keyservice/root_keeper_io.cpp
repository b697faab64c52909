#include "keyservice/root_keeper_io.hpp"

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
  if (standing) return custody_.has_root() ? void() : unseal();
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
  if (const Status right = custody_.check_root(*enclave_.policies.latest()); !right) {
    custody_.wipe();
    if (contradiction_) contradiction_(right.error());
  }
}

Status RootKeeper::take_restored(Root root) {
  if (stopped_ || custody_.has_root()) return Error(Errc::not_ready, "there is a root");
  CONCORDAT_CHECK(runtime_.standing());
  const policy::Policy& policy = *enclave_.policies.latest();
  custody_.take(std::move(root), policy.model().realm);
  if (const Status right = custody_.check_root(policy); !right) {
    custody_.wipe();
    return right;
  }
  timer_.cancel();
  backoff_.reset();
  if (root_ready_) root_ready_();
  return {};
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
    on_unsealed(Error(Errc::out_of_memory));
  }
}

void RootKeeper::unseal() {
  if (unsealing_ || stopped_) return;
  unsealing_ = true;
  guarded([this] { fetch_ ? ask_others() : make_recipient(); });
}

void RootKeeper::ask_others() {
  const auto now = runtime_.party().clock();
  if (!now) return on_unsealed(now.error());
  const auto policy = enclave_.policies.at(now->wall);
  if (!policy) return on_unsealed(policy.error());
  fetch_(*policy, [this, alive = alive_](Result<Root> root) {
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
  unsealing_ = false;
  // It came by another way meanwhile.
  if (custody_.has_root()) return;
  // The policy ended meanwhile: whatever came of it is not wanted, and its return will be told.
  if (!runtime_.standing()) return;
  if (!root) {
    if (!is_contradiction(root.error())) return unseal_later(root.error());
    if (contradiction_) contradiction_(root.error());
    return;
  }
  // A newer policy may have come meanwhile: it decides.
  custody_.take(*std::move(root), enclave_.policies.latest()->model().realm);
  if (const Status right = custody_.check_root(*enclave_.policies.latest()); !right) {
    custody_.wipe();
    return unseal();
  }
  backoff_.reset();
  log_.info("root_unsealed", {{"generation", custody_.root().generation()}, {"from", from_}});
  if (root_ready_) root_ready_();
}

void RootKeeper::unseal_later(const Error& why) {
  timer_.expires_after(backoff_.next(*runtime_.party().random));
  timer_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (!error && *alive && !stopped_) unseal();
  }));
  log_.error("root_not_unsealed", why);
}

}  // namespace concordat::keyservice
