#include "keyservice/audit_keeper_io.hpp"

#include "attest/verify.hpp"
#include "keyservice/audit/boot_statement.hpp"
#include "keyservice/audit_events.hpp"
#include "keyservice/error.hpp"
#include "policy/genesis.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

constexpr std::chrono::milliseconds kTick{100};
constexpr std::chrono::milliseconds kFirstAuditPause{200};
constexpr std::chrono::milliseconds kLongestAuditPause = std::chrono::seconds(10);
// What a store that is well takes in a moment; nothing is audited under the newer key before.
constexpr std::chrono::milliseconds kLongestDrain = std::chrono::seconds(2);

}  // namespace

AuditKeeper::AuditKeeper(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                         Custody& custody, MakeStore make_store, std::string custodian,
                         base::Logger& log)
    : party_(party),
      nsm_(nsm),
      custody_(custody),
      make_store_(std::move(make_store)),
      custodian_(std::move(custodian)),
      log_(log),
      timer_(io),
      backoff_(kFirstAuditPause, kLongestAuditPause) {
  // Not from within the log's own calls, which may be the cause.
  trail_.on_trouble([this](const Error& why) {
    later(kFirstAuditPause);
    guarded([&] { log_.error("audit_log_stalled", why); });
  });
  tick();
}

template <class Step>
void AuditKeeper::guarded(const Step& step) noexcept {
  try {
    step();
  } catch (const std::bad_alloc&) {
    later(kFirstAuditPause);
  }
}

void AuditKeeper::start() {
  ++round_;
  trail_.close();
  trouble_.clear();
  backoff_.reset();
  due_.reset();
  next_boot_.reset();
  generation_ = custody_.has_root() ? custody_.current_root().generation() : 0;
  if (!is_audited_name(custodian_)) {
    return log_.error("audit_log_not_opened",
                      Error(AuditTrailErrc::name_not_allowed, "'" + custodian_ + "'"));
  }
  open();
}

void AuditKeeper::root_changed() {
  const bool is_same = !custody_.has_root() || generation_ == custody_.current_root().generation();
  if (is_same) return next_boot_.reset();
  next_boot_ = std::chrono::steady_clock::now() + kLongestDrain;
  guarded([this] { start_when_drained(); });
}

// An answer that waits for its entry would be lost with the boot that writes it.
void AuditKeeper::start_when_drained() {
  const bool is_waiting = trail_.ready() && trail_.state().waiting != 0;
  if (!is_waiting || std::chrono::steady_clock::now() >= *next_boot_) start();
}

bool AuditKeeper::has_what_is_known() const {
  const auto& pinned = party_.policies->latest()->model().root_generations;
  const bool is_the_only_one =
      !pinned.empty() && pinned.back().generation == policy::kFirstRootGeneration;
  return is_the_only_one || custody_.is_under_current();
}

Status AuditKeeper::add_other_keys(AuditTrail::Boot& boot) {
  const KeyTable& keys = custody_.keyring().keys();
  const HandOverLog* handed = keys.handed_log(boot.origin);
  const std::uint32_t own = boot.root_generation;
  if (handed != nullptr && handed->generation > own) {
    if (handed->generation <= custody_.journal().generation()) {
      return Error(audit::Errc::key_replaced,
                   "by that of generation " + std::to_string(handed->generation));
    }
    // By a policy that is not in force any more, to one that has not taken over since.
    handed = nullptr;
  }
  const std::uint32_t replaced_by = handed != nullptr ? handed->generation : 0;
  for (auto at = custody_.roots().rbegin(); at != custody_.roots().rend(); ++at) {
    if (at->first == own) continue;
    const auto key = policy::SigningKey::from_seed(at->second.audit_key(boot.origin));
    if (!key) return key.error();
    (at->first < replaced_by ? boot.handover.replaced_keys : boot.other_log_keys)
        .push_back(key->public_key());
  }
  if (handed != nullptr) {
    boot.handover.at = audit::Checkpoint{boot.origin, handed->size, handed->root};
  }
  const bool is_first = own == policy::kFirstRootGeneration && !keys.handed_log(boot.origin);
  if (replaced_by == own || is_first) return {};
  boot.handover.hand_over = [this, own](const audit::Checkpoint& from, audit::Store::Done done) {
    hand_over({from.origin, own, from.size, from.root}, std::move(done));
  };
  return {};
}

void AuditKeeper::hand_over(HandOverLog log, audit::Store::Done done) {
  if (!custody_.has_root() || !has_what_is_known() || !custody_.may_change_journal()) {
    return done(Error(Errc::not_ready, "the journal cannot say that the log is handed over"));
  }
  custody_.keyring().hand_over(std::move(log), std::move(done));
}

void AuditKeeper::stop() {
  ++round_;
  generation_ = 0;
  due_.reset();
  next_boot_.reset();
  trail_.close();
}

void AuditKeeper::end() {
  stop();
  timer_.cancel();
}

void AuditKeeper::open() {
  if (!custody_.has_root()) return;  // the next start goes on
  guarded([this] {
    // Why it is not there is told by whoever reads it.
    if (!has_what_is_known()) return later(kTick);
    const auto& policy = party_.policies->latest();
    std::string origin = audit_origin(policy->realm(), custodian_);
    auto log_key = policy::SigningKey::from_seed(custody_.current_root().audit_key(origin));
    if (!log_key) return again(log_key.error());
    const auto held = std::make_shared<AuditTrail::Boot>(AuditTrail::Boot{
        nullptr,
        std::move(origin),
        party_.random->make<audit::BootId>(),
        policy::SigningKey::generate(),
        *std::move(log_key),
        custody_.current_root().generation(),
        policy,
        {{},
         policy->envelope(),
         party_.policies->authority().encoded(),
         "root generation " + std::to_string(custody_.current_root().generation()) + " unsealed"}});
    if (const Status known = add_other_keys(*held); !known) return again(known.error());
    const attest::MintRequest request =
        audit::boot_document({held->origin, held->id, held->boot_key.public_key(),
                              held->log_key.public_key(), policy->digest()});
    const Status queued =
        nsm_.mint(request, peer::MintPriority::own,
                  [this, alive = alive_, round = round_, held](Result<base::Bytes> document) {
                    if (!*alive || round != round_) return;
                    if (!document) return again(document.error());
                    guarded([&] { find_genesis(*std::move(document), std::move(*held)); });
                  });
    if (!queued) again(queued.error());
  });
}

void AuditKeeper::find_genesis(base::Bytes document, AuditTrail::Boot boot) {
  boot.evidence.document = std::move(document);
  boot.evidence.first = audit_events::genesis(custody_.current_root());
  if (!read_genesis_) return begin(std::move(boot));
  const auto held = std::make_shared<AuditTrail::Boot>(std::move(boot));
  later(kLongestAuditPause);  // should the answer be lost for want of memory
  read_genesis_(custody_.current_root().generation(), [this, alive = alive_, round = round_,
                                                       held](base::Bytes found) {
    if (!*alive || round != round_) return;
    guarded([&] {
      if (is_genesis_of_root(found)) {
        held->evidence.first_evidence.push_back({audit::EvidenceType::document, std::move(found)});
      }
      begin(std::move(*held));
    });
  });
}

// The store gives what it likes: in the log is what an enclave attested of this very root.
bool AuditKeeper::is_genesis_of_root(base::BytesView document) const {
  const auto parsed = attest::UnverifiedDocument::parse(document);
  if (!parsed) return false;
  const auto claims = attest::verify_archived(
      *parsed, *party_.anchors, parsed->unverified().timestamp, attest::DebugDocuments::refuse);
  if (!claims) return false;
  const auto stated = policy::read_genesis(*claims);
  return stated && stated->generation == custody_.current_root().generation() &&
         base::equal(stated->commitment, custody_.current_root().commitment().view());
}

void AuditKeeper::begin(AuditTrail::Boot boot) {
  const auto now = party_.clock();
  if (!now) return again(now.error());
  due_.reset();
  boot.store = make_store_();
  trail_.open(std::move(boot), now->wall, [this, round = round_](const Status& opened) {
    if (round == round_) guarded([&] { on_opened(opened); });
  });
}

void AuditKeeper::on_opened(const Status& opened) {
  if (!opened) return again(opened.error());
  trouble_.clear();
  backoff_.reset();
  log_.info("audit_log_open", {{"origin", trail_.head().origin}, {"size", trail_.head().size}});
  if (opened_) opened_();
}

// Once for each trouble: it is tried again for as long as it lasts.
void AuditKeeper::again(const Error& why) {
  later(backoff_.next(*party_.random));
  const std::string trouble = std::string(why.name()) + why.detail();
  if (std::exchange(trouble_, trouble) == trouble) return;
  log_.error("audit_log_not_opened", why);
}

void AuditKeeper::look_after() {
  if (trail_.is_taken_over()) return;  // for good
  if (!trail_.is_open() || trail_.has_failed()) return open();
  if (!trail_.is_stalled()) {
    backoff_.reset();
    return log_.info("audit_log_recovered", {{"size", trail_.head().size}});
  }
  later(backoff_.next(*party_.random));
  trail_.flush();
}

void AuditKeeper::policy_changed() {
  guarded([this] {
    const auto now = party_.clock();
    if (!now) return;
    trail_.record(
        audit_events::policy_changed(party_.policies->latest(), party_.policies->statement()),
        now->wall, [](const Status&) {});
  });
}

void AuditKeeper::later(std::chrono::milliseconds pause) noexcept {
  due_ = std::chrono::steady_clock::now() + pause;
}

void AuditKeeper::tick() {
  timer_.expires_after(kTick);
  timer_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (error || !*alive) return;
    tick();
    if (next_boot_) guarded([this] { start_when_drained(); });
    if (!due_ || std::chrono::steady_clock::now() < *due_) return;
    due_.reset();
    guarded([this] { look_after(); });
  }));
}

}  // namespace concordat::keyservice
