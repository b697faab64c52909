#include "keyservice/audit/log.hpp"

#include "keyservice/audit/error_copy.hpp"

namespace concordat::keyservice::audit {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

Log::Log(Store& store, LogIdentity identity)
    : store_(store), identity_(std::move(identity)), tile_sizes_(kMaxTileLevels) {}

void Log::append(Event event, std::vector<Evidence> evidence, base::UnixMillis now,
                 OnDurable done) {
  if (is_superseded_) return done(Error(Errc::superseded, identity_.origin));
  if (!is_open_ || has_failed_) return done(Error(Errc::not_loaded, identity_.origin));
  std::size_t size = evidence_bytes_;
  for (const Evidence& item : evidence)
    size += item.content.size();
  if (pending() >= kMaxPendingEntries || size > kMaxPendingEvidence) {
    write_next();
    return done(Error(Errc::too_many_pending, std::to_string(pending()) + " entries, " +
                                                  std::to_string(size) + " bytes of evidence"));
  }
  enqueue(std::move(event), std::move(evidence), now, std::move(done));
  write_next();
}

// Throws before anything that counts has happened: evidence of no entry does no harm.
void Log::enqueue(Event event, std::vector<Evidence> evidence, base::UnixMillis now,
                  OnDurable done) {
  if (told_.capacity() <= pending()) told_.reserve(2 * pending() + 1);
  for (Evidence& item : evidence) {
    const EvidenceRef ref = item.ref();
    event.evidence.push_back(ref);
    if (kept_.contains(ref.hash)) continue;
    const std::size_t size = item.content.size();
    evidence_.push_back({evidence_name(ref.hash), std::move(item.content)});
    evidence_bytes_ += size;
    if (kept_.size() == kRememberedEvidence) kept_.clear();
    kept_.insert(ref.hash);
  }
  queue_.push_back({std::move(event), now, std::move(done)});
}

void Log::take(Pending pending, std::vector<File>& files) {
  waiting_.push_back({tree_.size(), std::move(pending.done)});  // there is room
  last_time_ = std::max(last_time_, pending.now);
  const Bytes entry = encode({last_time_, identity_.boot, sequence_++, std::move(pending.event)});
  const auto put_full = [&](const Tile& tile, Bytes content) {
    files.push_back({path_of(tile), std::move(content)});
    filled_.push_back(tile);
  };
  tree_.append(tree_.hasher().leaf(entry),
               [&put_full](const Tile& tile, std::span<const Hash> hashes) {
                 put_full(tile, encode_hashes(hashes));
               });
  append_to_bundle(bundle_, entry);
  if (tree_.size() % kTileWidth != 0) return;
  put_full({Tile::kEntries, tree_.size() / kTileWidth - 1, kTileWidth}, std::exchange(bundle_, {}));
}

// tlog-tiles asks for a partial file until there is the full one. The checkpoint over that is
// durable, so that no writer goes on from an earlier one.
void Log::remove_partial(const std::vector<Tile>& filled) noexcept {
  for (const Tile& tile : filled) {
    try {
      store_.remove(path_of(tile) + ".p/", [](const Status&) {});
    } catch (const std::bad_alloc&) {  // it stays, and does no harm
    }
  }
}

Status Log::make_batch() {
  std::vector<File> files = std::exchange(evidence_, {});
  evidence_bytes_ = 0;
  waiting_.reserve(std::min(queue_.size(), kMaxBatchEntries));
  for (std::size_t i = 0; i < kMaxBatchEntries && !queue_.empty(); ++i) {
    Pending next = std::move(queue_.front());
    queue_.pop_front();
    take(std::move(next), files);
  }
  if (!bundle_.empty()) {
    const TileRow row = tile_row(tree_.size(), Tile::kEntries);
    files.push_back({path_of({Tile::kEntries, row.full, row.partial}), bundle_});
  }
  for (unsigned level = 0; level < kMaxTileLevels; ++level) {
    const std::uint64_t hashes = tree_.size() >> (kTileHeight * level);
    const std::vector<Hash>& partial = tree_.partial()[level];
    if (std::exchange(tile_sizes_[level], hashes) == hashes || partial.empty()) continue;
    files.push_back(
        {path_of({level, hashes / kTileWidth, partial.size()}), encode_hashes(partial)});
  }
  batch_time_ = last_time_;
  batch_head_ = {identity_.origin, tree_.size(), tree_.root()};
  CONCORDAT_TRY(Bytes note, sign_checkpoint(batch_head_, {identity_.boot_key, identity_.log_key}));
  files.push_back({std::string(kCheckpointName), std::move(note)});
  batch_ = std::make_shared<const std::vector<File>>(std::move(files));
  return {};
}

void Log::write_next() {
  if (is_writing_ || is_superseded_ || has_failed_) return;
  if (batch_ == nullptr) {
    if (queue_.empty()) return;
    try {
      if (const Status made = make_batch(); !made) return fail(made.error());
    } catch (const std::bad_alloc&) {
      return fail(Error(Errc::not_loaded));
    }
  }
  writes_ = 0;
  offer();
}

// The tree is ahead of every checkpoint, perhaps by half an entry, and no batch follows from it.
void Log::fail(const Error& error) noexcept {
  has_failed_ = true;
  tell_all(error);
}

void Log::offer() noexcept {
  is_writing_ = true;
  ++writes_;
  try {
    store_.write(batch_, lifetime_.guard([this](const Status& written) { on_written(written); },
                                         [this] { on_written(Error(Errc::unreachable)); }));
  } catch (const std::bad_alloc&) {
    on_written(Error(Errc::unreachable));
  }
}

// Those of the batch and of the queue: what they wait for goes on without them.
void Log::tell_all(const Error& error) noexcept {
  std::vector<OnDurable> told = std::exchange(told_, {});
  for (Waiting& waiting : waiting_)
    if (waiting.done) told.push_back(std::exchange(waiting.done, {}));
  for (Pending& pending : queue_)
    if (pending.done) told.push_back(std::exchange(pending.done, {}));
  for (const OnDurable& done : told)
    done(copy_of(error));
}

void Log::on_written(const Status& written) {
  is_writing_ = false;
  if (!written) {
    if (written.error().is(Errc::superseded)) {
      is_superseded_ = true;
      return tell_all(written.error());
    }
    if (written.error().is(Errc::unreachable) && writes_ < kMaxWrites) return offer();
    return tell_all(with_code(make_error_code(Errc::outcome_unknown), written.error()));
  }
  batch_ = nullptr;
  head_ = std::move(batch_head_);
  head_time_ = batch_time_;
  std::vector<Waiting> told = std::exchange(waiting_, {});
  std::vector<Tile> filled = std::exchange(filled_, {});
  // Telling them takes its time, in which the store need not be idle. One of them may be the end of
  // this.
  const auto alive = lifetime_.watch();
  write_next();
  if (!alive.expired()) remove_partial(filled);
  for (const Waiting& waiting : told)
    if (waiting.done) waiting.done(waiting.index);
}

}  // namespace concordat::keyservice::audit
