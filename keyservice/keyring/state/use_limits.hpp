// Counts the uses of grants that have a limit, so that no restart, rollback aside, and no second
// custodian allows more of them.
//
// A use has a number, from 1. Custodians reserve numbers in blocks by entries of the journal: an
// entry 'uses from + 1 to `to`' that was acknowledged gives those numbers to its author, and to
// nobody ever again. A use is allowed when it takes a number that is reserved and within the
// grant's limit as it is now. Numbers that a custodian had not used when it ended are burnt.
//
//   block    a 128th of the limit, 1 to 4,096; as many as wait, if these are more
//   ahead    the next block is reserved when a quarter of one is left, so that uses do not wait
//   burnt    by a restart: at most one and a quarter blocks, under 1 % of the limit; below a limit
//            of 256 none but the uses that were being served
#pragma once

#include <deque>

#include "keyservice/journal/journal.hpp"
#include "keyservice/keyring/state/key_table.hpp"

namespace concordat::keyservice {

// How many uses are reserved at once.
[[nodiscard]] std::uint64_t block_size(std::uint64_t limit) noexcept;

class UseLimits {
 public:
  using Done = std::function<void(base::Status)>;

  // Both outlive this; `table` is what `journal` is folded into.
  UseLimits(journal::Journal& journal, const KeyTable& table) : journal_(journal), table_(table) {}

  // One use of a grant that has this limit; `done` runs before this returns where a number is at
  // hand, in the order of calls otherwise. use_limit_reached; uses_not_recorded when the store
  // failed, after which the next use tries again; too_many_waiting.
  void use(const GrantIdentity& grant, std::uint64_t limit, Done done);

  // Highest number that is reserved, by any custodian: uses and burnt ones.
  [[nodiscard]] std::uint64_t reserved(const GrantIdentity& grant) const {
    return table_.reserved_uses(grant);
  }

 private:
  struct Block {
    std::uint64_t used = 0;  // the last number that was taken
    std::uint64_t to = 0;
  };
  struct Waiting {
    std::uint64_t limit = 0;
    Done done;
  };
  struct Account {
    GrantIdentity grant;
    std::uint64_t limit = 0;  // of the last use that asked
    std::deque<Block> blocks;
    std::deque<Waiting> waiting;
    Block asked_for;
    bool is_reserving = false;
  };
  using AccountPtr = std::shared_ptr<Account>;

  // Takes a number; false: none is at hand. use_limit_reached.
  [[nodiscard]] static base::Result<bool> take(Account& account, std::uint64_t limit);
  [[nodiscard]] static std::uint64_t left(const Account& account);
  void reserve_ahead(const AccountPtr& account);
  void reserve(const AccountPtr& account);
  [[nodiscard]] base::Result<base::SecretBytes> decide(Account& account) const;
  void on_reserved(const AccountPtr& account, const base::Status& reserved);
  void serve(Account& account, const base::Status& reserved);
  [[nodiscard]] static base::Error refusal(const base::Status& reserved) noexcept;

  journal::Journal& journal_;
  const KeyTable& table_;
  std::map<GrantIdentity, AccountPtr> accounts_;
  journal::Lifetime lifetime_;
};

}  // namespace concordat::keyservice
