// Heads that peers brought and that nobody can judge yet: without a root, under a root generation
// that the policy pins and that is not held, or of a journal that was not read so far. Each is kept
// until it can be. Who may keep how many is their owner's to say: of one reporter there are few.
#pragma once

#include <list>
#include <optional>
#include <string>

#include "keyservice/head_record.hpp"
#include "keyservice/journal/journal.hpp"

namespace concordat::keyservice {

struct UnjudgedHead {
  std::string reporter;
  VouchedHead seen;
  journal::Journal::Done then;
  bool is_told = false;                 // that its generation is not held
  std::optional<base::Status> verdict;  // what it is by itself, once that is known
  bool is_compared = false;             // and whether the store has it is to be seen besides
};

class UnjudgedHeads {
 public:
  // Of one reporter: the first and the latest are always among them. An honest worker has one that
  // grows, a custodian may tell three at once (Custody::heads_for_custodians).
  static constexpr std::size_t kMaxOfOne = 4;
  using List = std::list<UnjudgedHead>;

  void keep(const std::string& reporter, const VouchedHead& seen, journal::Journal::Done then);
  [[nodiscard]] bool empty() const noexcept { return heads_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heads_.size(); }
  [[nodiscard]] List& all() noexcept { return heads_; }
  [[nodiscard]] const List& all() const noexcept { return heads_; }
  // Those with a verdict, out of this. Needs no memory.
  [[nodiscard]] List take_judged() noexcept;

 private:
  List heads_;  // oldest first
};

}  // namespace concordat::keyservice
