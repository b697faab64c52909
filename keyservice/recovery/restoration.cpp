#include "keyservice/recovery/restoration.hpp"

#include "keyservice/error.hpp"
#include "keyservice/recovery/errc.hpp"

namespace concordat::keyservice::recovery {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::sharing::Share;

namespace {

policy::HolderKey as_key(const base::hpke::PublicKey& key) {
  return *policy::HolderKey::from(key.view());
}

// That the policy in force still names this holder by this key: who was taken out of it restores
// nothing.
Status check_holder(const policy::Policy& policy, const Holder& holder) {
  if (const auto& recovery = policy.model().recovery) {
    const auto found = recovery->holders.find(holder.name);
    if (found != recovery->holders.end() && found->second == holder.key) return {};
  }
  return Error(Errc::not_a_holder, "'" + holder.name + "' with the set's key");
}

}  // namespace

Status Restoration::check_key(base::UnixMillis now) {
  if (!target_) return Error(Errc::not_begun);
  if (now - target_->begun < kTargetLife) return {};
  const Error expired(Errc::key_expired, "made at " + base::format_rfc3339(target_->begun));
  forget();
  return expired;
}

void Restoration::forget() noexcept {
  collecting_.reset();
  target_.reset();
}

void Restoration::expire(base::UnixMillis now) noexcept {
  if (target_ && now - target_->begun >= kTargetLife) forget();
}

Result<attest::MintRequest> Restoration::begin(const policy::RecoveryChallenge& challenge,
                                               const policy::Policy& policy, base::UnixMillis now,
                                               bool anew) {
  expire(now);
  if (target_ && !anew) {
    return Error(Errc::under_way, "key " + target_->key.public_key().hex() + ", shares: " +
                                      std::to_string(collecting_ ? collecting_->shares.size() : 0));
  }
  forget();
  last_holder_.clear();
  target_.emplace(Target{base::hpke::PrivateKey::generate(), challenge, now});
  return target_document(challenge, policy.digest(), target_->key.public_key());
}

Status Restoration::start(BytesView order, BytesView set,
                          const attest::AuthorityDescriptor& authority,
                          const policy::Policy& policy, base::UnixMillis now) {
  CONCORDAT_CHECK(check_key(now));
  CONCORDAT_TRY(auto ordered,
                policy::verify_order<policy::RestoreOrder>(order, authority, policy, now));
  if (collecting_) {
    if (collecting_->order.digest == ordered.digest) return {};
    return Error(Errc::under_way, "order " + collecting_->order.digest.hex());
  }
  const policy::RestoreOrder& wanted = ordered.order;
  if (wanted.target != as_key(target_->key.public_key()) ||
      wanted.challenge != target_->challenge) {
    return Error(Errc::document_differs, "the order names target " + wanted.target.hex() +
                                             ", this custodian's key is " +
                                             target_->key.public_key().hex());
  }
  if (policy.model().root(wanted.generation) == nullptr) {
    return Error(Errc::other_generation, "the order names " + std::to_string(wanted.generation));
  }
  CONCORDAT_TRY(RecoverySet parsed, RecoverySet::parse(set));
  CONCORDAT_CHECK(check_ordered({ordered, parsed, {{}, wanted.target, wanted.challenge}}));
  Collecting collecting{std::move(ordered), std::move(parsed), {}, {}, 0};
  for (const Holder& holder : collecting.set.holders())
    collecting.holders.emplace(holder.name, HolderState{holder.name, false, 0, {}});
  // So that a share that was taken is there, whatever memory is left then.
  collecting.shares.reserve(collecting.set.holders().size());
  collecting_.emplace(std::move(collecting));
  return {};
}

Result<Share> Restoration::judge(const Contribution& contribution, const policy::Policy& policy) {
  Collecting& now = *collecting_;
  auto share = open_contribution(contribution, now.order, now.set, target_->key);
  const bool is_nobodys = !share && !share.error().is(Errc::share_wrong);
  if (is_nobodys) {
    ++now.not_authentic;
    return share.error();
  }
  // From here on the holder sealed it, whoever carried it here, and how often.
  last_holder_ = contribution.holder;
  HolderState& holder = now.holders.find(contribution.holder)->second;
  const auto check = [&]() -> Status {
    CONCORDAT_CHECK(check_holder(policy, now.set.holders()[now.set.index_of(holder.name) - 1]));
    if (!share) return share.error();
    if (!now.set.commitments().check(*share))
      return Error(Errc::share_wrong, "of '" + holder.name + "'");
    if (holder.is_in) return Error(Errc::share_repeated, "of '" + holder.name + "'");
    return {};
  };
  if (const Status checked = check(); !checked) {
    ++holder.refused;
    holder.last_refusal = checked.error().name();
    return checked.error();
  }
  holder.is_in = true;
  return share;
}

Result<std::optional<Root>> Restoration::contribute(BytesView contribution,
                                                    const policy::Policy& policy,
                                                    base::UnixMillis now) {
  last_holder_.clear();
  CONCORDAT_CHECK(check_key(now));
  if (!collecting_) return Error(Errc::not_started);
  CONCORDAT_CHECK(policy::check_order(collecting_->order.order, policy, now));
  CONCORDAT_TRY(const Contribution parsed, parse_contribution(contribution));
  CONCORDAT_TRY(Share share, judge(parsed, policy));
  collecting_->shares.push_back(std::move(share));
  if (collecting_->shares.size() < collecting_->set.threshold()) return std::optional<Root>();
  auto root = restore(policy);
  // Whatever came of it: these shares give nothing else.
  forget();
  if (!root) return root.error();
  return std::optional<Root>(*std::move(root));
}

Result<Root> Restoration::restore(const policy::Policy& policy) const {
  CONCORDAT_TRY(const auto secret,
                base::sharing::recover(collecting_->shares, collecting_->set.threshold()));
  CONCORDAT_TRY(Root root, collecting_->set.open_root(secret));
  const policy::RootGeneration* const pinned = policy.model().root(root.generation());
  if (pinned == nullptr) {
    return Error(Errc::other_generation, std::to_string(root.generation()));
  }
  CONCORDAT_CHECK(root.check_commitment(pinned->commitment));
  return root;
}

RestorationStatus Restoration::status() const {
  RestorationStatus out;
  if (!target_) return out;
  out.phase = Phase::attested;
  out.target = as_key(target_->key.public_key());
  if (!collecting_) return out;
  out.phase = Phase::collecting;
  out.order = collecting_->order.order;
  out.threshold = collecting_->set.threshold();
  for (const auto& [name, holder] : collecting_->holders)
    out.holders.push_back(holder);
  out.not_authentic = collecting_->not_authentic;
  return out;
}

}  // namespace concordat::keyservice::recovery
