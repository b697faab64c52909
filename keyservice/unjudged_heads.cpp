#include "keyservice/unjudged_heads.hpp"

#include <algorithm>
#include <vector>

namespace concordat::keyservice {

void UnjudgedHeads::keep(const std::string& reporter, const VouchedHead& seen,
                         journal::Journal::Done then) {
  std::vector<List::iterator> own;
  for (auto at = heads_.begin(); at != heads_.end(); ++at) {
    if (at->reporter != reporter) continue;
    if (at->seen == seen) {
      at->then = std::move(then);
      return;
    }
    own.push_back(at);
  }
  const auto says_same = [&](const auto& head) {
    return head->is_told && head->seen.generation == seen.generation;
  };
  const bool is_told = std::ranges::any_of(own, says_same);
  heads_.push_back({reporter, seen, std::move(then), is_told, std::nullopt, false});
  if (own.size() == kMaxOfOne) heads_.erase(own[1]);
}

UnjudgedHeads::List UnjudgedHeads::take_judged() noexcept {
  List out;
  for (auto at = heads_.begin(); at != heads_.end();) {
    const auto next = std::next(at);
    if (at->verdict) out.splice(out.end(), heads_, at);
    at = next;
  }
  return out;
}

}  // namespace concordat::keyservice
