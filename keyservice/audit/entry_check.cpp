#include "keyservice/audit/entry_check.hpp"

#include <algorithm>

#include "keyservice/audit/tile.hpp"

namespace concordat::keyservice::audit {

namespace {

const std::string kHeadPlace(kCheckpointName);

}  // namespace

const Entry* EntryCheck::check(std::uint64_t index, base::BytesView bytes, const OnRoot& root) {
  if (const auto decoded = decode_entry(bytes, entry_); !decoded) {
    findings_.add(Fault::entry_malformed, entry_place(index), decoded.error().detail());
    is_lost_ = true;
    return nullptr;
  }
  for (const EvidenceRef& ref : entry_.event.evidence)
    evidence_.require(index, ref);
  check_order(index, entry_, root);
  next_sequence_ = entry_.sequence + 1;
  if (boot_) check_what_it_tells(index);
  return &entry_;
}

void EntryCheck::check_what_it_tells(std::uint64_t index) {
  check_admission(index, entry_, boot_->authority, evidence_, findings_);
  check_policy_change(index, entry_, boot_->authority, evidence_, findings_);
  check_genesis(index, entry_, *boot_->policy, evidence_, findings_);
}

void EntryCheck::check_head(const Note& note, Report& report) {
  check_signatures(note);
  check_witnesses(note, report);
}

void EntryCheck::on_boot(std::uint64_t index, const Entry& entry, const OnRoot& root) {
  boots_.check_takeover(index, entry, root(), boot_ ? &*boot_ : nullptr);
  boot_ = boots_.check(index, entry);
  boot_id_ = entry.boot;
  has_boot_ = true;
  if (entry.sequence != 0) {
    findings_.add(Fault::sequence_broken, entry_place(index),
                  "a boot begins at 0, not " + std::to_string(entry.sequence));
  }
}

void EntryCheck::check_order(std::uint64_t index, const Entry& entry, const OnRoot& root) {
  if (entry.time < last_time_) {
    findings_.add(Fault::time_went_back, entry_place(index),
                  base::format_rfc3339(entry.time) + " after " + base::format_rfc3339(last_time_));
  }
  last_time_ = std::max(last_time_, entry.time);
  const bool was_lost = std::exchange(is_lost_, false);
  if (entry.event.kind == Kind::boot) return on_boot(index, entry, root);
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

void EntryCheck::check_signatures(const Note& note) {
  if (!boot_) {
    findings_.add(Fault::boot_missing, kHeadPlace,
                  "no boot with a good document wrote the last entries");
    return;
  }
  boots_.check_signatures(note, kHeadPlace, *boot_);
}

void EntryCheck::check_witnesses(const Note& note, Report& report) {
  std::vector<const NoteSignature*> known;
  const auto know = [&](const NoteVerifier& verifier) {
    const auto own = note.signatures_of(verifier);
    known.insert(known.end(), own.begin(), own.end());
  };
  for (const NoteVerifier& witness : expectations_.witnesses) {
    know(witness);
    const auto time = verify_cosignature(note, witness);
    if (time) {
      report.witnesses.push_back({witness.name(), *time});
    } else if (time.error().is(Errc::unknown_key)) {
      findings_.add(Fault::witness_missing, kHeadPlace, witness.encode());
    } else {
      findings_.add(Fault::witness_signature_invalid, kHeadPlace, time.error().detail());
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
      report.unknown_signatures.push_back(signature.name);
    }
  }
}

}  // namespace concordat::keyservice::audit
