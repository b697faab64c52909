#include "keyservice/keyring/state/use_limits.hpp"

#include <algorithm>

#include "keyservice/journal/errc.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/keyring/state/limits.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

// Told even where there is no memory for more than the code.
template <class Detail>
Error told(KeyStateErrc code, const Detail& detail) noexcept {
  try {
    return Error(code, detail());
  } catch (const std::bad_alloc&) {
    return Error(code);
  }
}

Error limit_reached(std::uint64_t limit) noexcept {
  return told(KeyStateErrc::use_limit_reached,
              [limit] { return "all " + std::to_string(limit) + " of them"; });
}

}  // namespace

std::uint64_t block_size(std::uint64_t limit) noexcept {
  return std::clamp(limit / kBlocksPerLimit, std::uint64_t{1}, kLargestBlock);
}

void UseLimits::use(const GrantIdentity& grant, std::uint64_t limit, Done done) {
  AccountPtr& slot = accounts_[grant];
  if (!slot) {
    slot = std::make_shared<Account>();
    slot->grant = grant;
  }
  const AccountPtr account = slot;
  account->limit = limit;
  if (account->waiting.empty()) {
    const auto taken = take(*account, limit);
    if (!taken) return done(taken.error());
    if (*taken) {
      try {
        reserve_ahead(account);
      } catch (const std::bad_alloc&) {  // the next use does
      }
      return done({});
    }
  }
  if (account->waiting.size() >= kMaxWaitingUses) {
    return done(Error(KeyStateErrc::too_many_waiting));
  }
  account->waiting.push_back({limit, std::move(done)});
  reserve(account);
}

Result<bool> UseLimits::take(Account& account, std::uint64_t limit) {
  if (account.blocks.empty()) return false;
  Block& block = account.blocks.front();
  // Numbers ascend: where this one is beyond the limit, all are.
  if (block.used >= limit) return limit_reached(limit);
  if (++block.used == block.to) account.blocks.pop_front();
  return true;
}

std::uint64_t UseLimits::left(const Account& account) {
  std::uint64_t out = 0;
  for (const Block& block : account.blocks)
    out += block.to - block.used;
  return out;
}

void UseLimits::reserve_ahead(const AccountPtr& account) {
  const std::uint64_t block = block_size(account->limit);
  if (block < kReserveAhead || left(*account) > block / kReserveAhead) return;
  if (table_.reserved_uses(account->grant) < account->limit) reserve(account);
}

void UseLimits::reserve(const AccountPtr& account) {
  if (std::exchange(account->is_reserving, true)) return;
  try {
    journal_.append(
        [this, account] { return decide(*account); },
        lifetime_.guard(
            [this, account](const Result<journal::Head>& appended) {
              on_reserved(account, appended ? Status() : Status(appended.error()));
            },
            [this, account] { on_reserved(account, Error(journal::Errc::out_of_memory)); }));
  } catch (const std::bad_alloc&) {
    account->is_reserving = false;  // or nobody would ask any more
    throw;
  }
}

Result<base::SecretBytes> UseLimits::decide(Account& account) const {
  const std::uint64_t reserved = table_.reserved_uses(account.grant);
  if (reserved >= account.limit) return limit_reached(account.limit);
  const std::uint64_t wanted =
      std::max<std::uint64_t>(block_size(account.limit), account.waiting.size());
  account.asked_for = {reserved, reserved + std::min(wanted, account.limit - reserved)};
  const Change change = ReserveUses{account.grant, account.asked_for.used, account.asked_for.to};
  CONCORDAT_CHECK(table_.check(change, journal_.next_sealed()));
  return encode(change);
}

void UseLimits::on_reserved(const AccountPtr& account, const Status& reserved) {
  account->is_reserving = false;
  if (reserved) account->blocks.push_back(account->asked_for);
  const auto alive = lifetime_.watch();
  serve(*account, reserved);
  if (alive.expired() || account->waiting.empty()) return;
  try {
    reserve(account);
  } catch (const std::bad_alloc&) {  // nobody waits for what is not asked for
    serve(*account, Error(journal::Errc::out_of_memory));
  }
}

Error UseLimits::refusal(const Status& reserved) noexcept {
  try {
    if (reserved.error().is(KeyStateErrc::use_limit_reached)) return reserved.error();
  } catch (const std::bad_alloc&) {  // then it is not said that the limit was the reason
  }
  return told(KeyStateErrc::uses_not_recorded, [&] { return reserved.error().to_string(); });
}

// Those who waited, in their order. Who is told may ask again, and then waits behind them.
void UseLimits::serve(Account& account, const Status& reserved) {
  const auto alive = lifetime_.watch();
  for (std::size_t left_to_serve = account.waiting.size(); left_to_serve > 0; --left_to_serve) {
    auto taken = take(account, account.waiting.front().limit);
    if (taken && !*taken && reserved) return;  // the others wait for the next block
    const Done done = std::move(account.waiting.front().done);
    account.waiting.pop_front();
    if (!taken) {
      done(taken.error());
    } else if (*taken) {
      done({});
    } else {
      done(refusal(reserved));
    }
    if (alive.expired()) return;
  }
}

}  // namespace concordat::keyservice
