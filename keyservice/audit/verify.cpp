#include "keyservice/audit/verify.hpp"

#include <algorithm>
#include <map>

#include "keyservice/audit/admission_check.hpp"
#include "keyservice/audit/boot_check.hpp"
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
  void check_signatures(const SignedCheckpoint& head);
  void check_witnesses(const Note& note);
  void check_seen(const Checkpoint& head);
  void check_names(const TreeCheck& tree);
  void on_entry(std::uint64_t index, BytesView bytes, bool is_there);
  void on_boot(std::uint64_t index, const Entry& entry);
  void check_order(std::uint64_t index, const Entry& entry);

  Source& source_;
  const Expectations& expectations_;
  const Watchers& watchers_;
  FindingList findings_;
  EvidenceCheck evidence_{source_, expectations_.anchors, findings_};
  std::optional<BootCheck> boots_;
  TreeCheck* tree_ = nullptr;
  std::multimap<std::uint64_t, Checkpoint> seen_;  // that are still to be compared
  Report report_;

  std::optional<KnownBoot> boot_;  // that has the log; nullopt: none that is known to be good
  BootId boot_id_;
  std::uint64_t next_sequence_ = 0;
  // What came last could not be read: the next entry tells where the log is.
  bool is_lost_ = false;
  bool has_boot_ = false;
  base::UnixMillis last_time_;
  Entry entry_;  // at hand: its memory is used again for each
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
  boots_.emplace(expectations_, head.checkpoint.origin, evidence_, findings_);
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
  check_signatures(head);
  check_witnesses(head.note);
  check_names(tree);
  report_.boots = std::move(boots_->boots());
  report_.evidence = evidence_.count();
}

void LogCheck::check_signatures(const SignedCheckpoint& head) {
  if (!boot_) {
    findings_.add(Fault::boot_missing, kCheckpoint,
                  "no boot with a good document wrote the last entries");
    return;
  }
  boots_->check_signatures(head.note, kCheckpoint, *boot_);
}

void LogCheck::check_witnesses(const Note& note) {
  std::vector<const NoteSignature*> known;
  const auto know = [&](const NoteVerifier& verifier) {
    const auto own = note.signatures_of(verifier);
    known.insert(known.end(), own.begin(), own.end());
  };
  for (const NoteVerifier& witness : expectations_.witnesses) {
    know(witness);
    const auto time = verify_cosignature(note, witness);
    if (time) {
      report_.witnesses.push_back({witness.name(), *time});
    } else if (time.error().is(Errc::unknown_key)) {
      findings_.add(Fault::witness_missing, kCheckpoint, witness.encode());
    } else {
      findings_.add(Fault::witness_signature_invalid, kCheckpoint, time.error().detail());
    }
  }
  if (boot_) {
    for (const auto& key : {boot_->statement.boot_key, boot_->statement.log_key}) {
      const auto verifier =
          NoteVerifier::create(boot_->statement.origin, NoteKeyType::ed25519, key);
      if (verifier) know(*verifier);
    }
  }
  for (const NoteSignature& signature : note.signatures) {
    if (std::ranges::find(known, &signature) == known.end()) {
      report_.unknown_signatures.push_back(signature.name);
    }
  }
}

void LogCheck::check_names(const TreeCheck& tree) {
  const auto names = source_.names();
  if (!names) {
    findings_.add(Fault::file_unreadable, "log", names.error().to_string());
    return;
  }
  for (const std::string& name : *names) {
    if (!tree.needs(name) && !evidence_.is_referred_to(name)) {
      findings_.add(Fault::unexpected_file, name);
    }
  }
}

void LogCheck::on_boot(std::uint64_t index, const Entry& entry) {
  boots_->check_takeover(index, entry, tree_->root(), boot_ ? &*boot_ : nullptr);
  boot_ = boots_->check(index, entry);
  boot_id_ = entry.boot;
  has_boot_ = true;
  if (entry.sequence != 0) {
    findings_.add(Fault::sequence_broken, entry_place(index),
                  "a boot begins at 0, not " + std::to_string(entry.sequence));
  }
}

void LogCheck::check_order(std::uint64_t index, const Entry& entry) {
  if (entry.time < last_time_) {
    findings_.add(Fault::time_went_back, entry_place(index),
                  base::format_rfc3339(entry.time) + " after " + base::format_rfc3339(last_time_));
  }
  last_time_ = std::max(last_time_, entry.time);
  const bool was_lost = std::exchange(is_lost_, false);
  if (entry.event.kind == Kind::boot) return on_boot(index, entry);
  if (was_lost && entry.boot != boot_id_) {  // perhaps its boot's entry was what is lost
    boot_.reset();
    boot_id_ = entry.boot;
    has_boot_ = true;
  } else if (!std::exchange(has_boot_, true)) {
    findings_.add(Fault::boot_missing, entry_place(index), "a log begins with a boot");
    boot_id_ = entry.boot;
  } else if (entry.boot != boot_id_) {
    findings_.add(Fault::entry_of_other_boot, entry_place(index),
                  "of " + entry.boot.hex() + ", the log is " + boot_id_.hex() + "'s");
  } else if (entry.sequence != next_sequence_ && !was_lost) {
    findings_.add(
        Fault::sequence_broken, entry_place(index),
        "it is " + std::to_string(entry.sequence) + ", want " + std::to_string(next_sequence_));
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
  if (!is_there) {
    is_lost_ = true;
    return;
  }
  ++report_.entries;
  if (const auto decoded = decode_entry(bytes, entry_); !decoded) {
    findings_.add(Fault::entry_malformed, entry_place(index), decoded.error().detail());
    is_lost_ = true;
    return;
  }
  for (const EvidenceRef& ref : entry_.event.evidence)
    evidence_.require(index, ref);
  check_order(index, entry_);
  next_sequence_ = entry_.sequence + 1;
  if (boot_) check_admission(index, entry_, boot_->authority, evidence_, findings_);
  if (watchers_.entry) watchers_.entry(index, entry_);
}

}  // namespace

Report verify_log(Source& source, const Expectations& expectations, const Watchers& watchers) {
  return LogCheck(source, expectations, watchers).run();
}

}  // namespace concordat::keyservice::audit
