#include "keyservice/audit/verify.hpp"

#include <algorithm>
#include <map>

#include "keyservice/audit/entry_check.hpp"
#include "keyservice/audit/tree_check.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::BytesView;

const std::string kCheckpoint(kCheckpointName);

class LogCheck {
 public:
  LogCheck(Source& source, const Expectations& expectations, const Watchers& watchers)
      : source_(source), expectations_(expectations), watchers_(watchers) {}

  Report run() {
    if (auto head = read_head()) {
      report_.checkpoint = head->checkpoint;
      check_files(*head);
    }
    report_.findings = findings_.all();
    return std::move(report_);
  }

 private:
  std::optional<SignedCheckpoint> read_head();
  void check_files(const SignedCheckpoint& head);
  void check_seen(const Checkpoint& head);
  void check_names(const TreeCheck& tree);
  void on_entry(std::uint64_t index, BytesView bytes, bool is_there);

  Source& source_;
  const Expectations& expectations_;
  const Watchers& watchers_;
  FindingList findings_;
  std::optional<EntryCheck> entries_;
  TreeCheck* tree_ = nullptr;
  std::multimap<std::uint64_t, Checkpoint> seen_;  // that are still to be compared
  Report report_;
};

std::optional<SignedCheckpoint> LogCheck::read_head() {
  const auto content = source_.read(kCheckpoint, kMaxNote + 1);
  if (!content) {
    findings_.add(Fault::file_unreadable, kCheckpoint, content.error().to_string());
    return std::nullopt;
  }
  if (!*content) {
    findings_.add(Fault::file_missing, kCheckpoint);
    return std::nullopt;
  }
  auto head = SignedCheckpoint::parse(**content);
  if (!head) {
    findings_.add(Fault::checkpoint_malformed, kCheckpoint, head.error().to_string());
    return std::nullopt;
  }
  const std::string& origin = head->checkpoint.origin;
  if (expectations_.origin && origin != *expectations_.origin) {
    findings_.add(Fault::checkpoint_of_other_log, kCheckpoint + " line 1", "it is of " + origin);
  }
  return *std::move(head);
}

void LogCheck::check_seen(const Checkpoint& head) {
  for (const Checkpoint& seen : expectations_.seen) {
    if (seen.origin != head.origin) {
      findings_.add(Fault::checkpoint_of_other_log, "checkpoint seen before",
                    "it is of " + seen.origin);
    } else if (seen.size > head.size) {
      findings_.add(Fault::rolled_back, kCheckpoint + " line 2",
                    std::to_string(seen.size) + " entries were seen, " + std::to_string(head.size) +
                        " are there");
    } else {
      seen_.emplace(seen.size, seen);
    }
  }
}

void LogCheck::check_files(const SignedCheckpoint& head) {
  entries_.emplace(source_, expectations_, head.checkpoint.origin, findings_);
  check_seen(head.checkpoint);
  TreeCheck tree(source_, head.checkpoint, findings_);
  tree_ = &tree;
  tree.run([this](std::uint64_t index, BytesView bytes, bool is_there) {
    on_entry(index, bytes, is_there);
  });
  for (const auto& [size, seen] : seen_) {
    if (size == head.checkpoint.size && seen.root != tree.root()) {
      findings_.add(Fault::forked, entry_place(size), "the root seen then was " + seen.root.hex());
    }
  }
  entries_->check_head(head.note, report_);
  check_names(tree);
  report_.boots = std::move(entries_->boots());
  report_.evidence = entries_->evidence().count();
}

void LogCheck::check_names(const TreeCheck& tree) {
  const auto names = source_.names();
  if (!names) {
    findings_.add(Fault::file_unreadable, "log", names.error().to_string());
    return;
  }
  for (const std::string& name : *names) {
    if (!tree.needs(name) && !entries_->evidence().is_referred_to(name)) {
      findings_.add(Fault::unexpected_file, name);
    }
  }
}

void LogCheck::on_entry(std::uint64_t index, BytesView bytes, bool is_there) {
  constexpr std::uint64_t kProgressEvery = 4096;
  if (watchers_.progress && index % kProgressEvery == 0) {
    watchers_.progress(index, report_.checkpoint->size);
  }
  for (auto [it, end] = seen_.equal_range(index); it != end; ++it) {
    if (it->second.root != tree_->root()) {
      findings_.add(Fault::forked, entry_place(index),
                    "the root of what was seen before it was " + it->second.root.hex());
    }
  }
  if (!is_there) return entries_->miss();
  ++report_.entries;
  const Entry* const entry = entries_->check(index, bytes, [this] { return tree_->root(); });
  if (entry != nullptr && watchers_.entry) watchers_.entry(index, *entry);
}

}  // namespace

Report verify_log(Source& source, const Expectations& expectations, const Watchers& watchers) {
  return LogCheck(source, expectations, watchers).run();
}

}  // namespace concordat::keyservice::audit
