// How a boot takes over a log.
#include "keyservice/audit/edge.hpp"
#include "keyservice/audit/log.hpp"

namespace concordat::keyservice::audit {

using base::Bytes;
using base::Error;
using base::Status;

struct Log::Opening {
  BootEvidence evidence;
  base::UnixMillis now;
  Done done;
  Bytes note;              // the checkpoint that stands, as it came; empty: there is none
  bool is_new_key = true;  // to the log
  Checkpoint head;
  std::vector<Tile> tiles;  // still to be read
  std::map<Tile, Bytes> files;
};

template <class Body>
auto Log::then(const OpeningPtr& opening, Body body) {
  return lifetime_.guard(std::move(body), [this, opening] {
    end(opening, Error(Errc::unreachable, "no memory for what the store gave"));
  });
}

void Log::end(const OpeningPtr& opening, Status status) {
  if (opening->done) std::exchange(opening->done, {})(std::move(status));
}

void Log::open(BootEvidence evidence, base::UnixMillis now, Done done) {
  const auto opening = std::make_shared<Opening>(
      Opening{std::move(evidence), now, std::move(done), {}, true, {}, {}, {}});
  store_.claim(identity_.boot, then(opening, [this, opening](const Status& claimed) {
                 if (!claimed) return end(opening, claimed.error());
                 read_checkpoint(opening);
               }));
}

void Log::read_checkpoint(const OpeningPtr& opening) {
  store_.read(std::string(kCheckpointName),
              then(opening, [this, opening](const base::Result<std::optional<Bytes>>& content) {
                if (!content) return end(opening, content.error());
                on_checkpoint(opening, *content);
              }));
}

base::Result<bool> Log::check_signature(const SignedCheckpoint& head) const {
  if (head.checkpoint.origin != identity_.origin) {
    return Error(Errc::other_origin, "the checkpoint is of another log than " + identity_.origin);
  }
  const attest::SignerKey own = identity_.log_key->public_key();
  std::vector<attest::SignerKey> keys{own};
  keys.insert(keys.end(), identity_.earlier_log_keys.begin(), identity_.earlier_log_keys.end());
  for (const attest::SignerKey& key : keys) {
    CONCORDAT_TRY(const auto verifier,
                  NoteVerifier::create(identity_.origin, NoteKeyType::ed25519, key));
    const Status verified = head.note.verify(verifier);
    if (verified) return key == own;
    if (!verified.error().is(Errc::unknown_key)) return verified.error();
  }
  return Error(Errc::signature_invalid, "the checkpoint is not signed by the log's key");
}

void Log::on_checkpoint(const OpeningPtr& opening, const std::optional<Bytes>& content) {
  opening->head = {identity_.origin, 0, empty_root()};
  if (content) {
    const auto head = SignedCheckpoint::parse(*content);
    if (!head) return end(opening, head.error());
    const auto is_own = check_signature(*head);
    if (!is_own) return end(opening, is_own.error());
    opening->is_new_key = !*is_own;
    opening->note = *content;
    opening->head = head->checkpoint;
  }
  opening->tiles = edge_tiles(opening->head.size);
  read_edge(opening);
}

void Log::read_edge(const OpeningPtr& opening) {
  if (opening->tiles.empty()) return begin_boot(opening);
  const Tile tile = opening->tiles.back();
  opening->tiles.pop_back();
  store_.read(
      path_of(tile),
      then(opening, [this, opening, tile](const base::Result<std::optional<Bytes>>& content) {
        if (!content) return end(opening, content.error());
        if (!*content) return end(opening, Error(Errc::file_missing, path_of(tile)));
        opening->files[tile] = **content;
        read_edge(opening);
      }));
}

void Log::begin_boot(const OpeningPtr& opening) {
  auto edge = restore_edge(opening->head, opening->files);
  if (!edge) return end(opening, edge.error());
  tree_ = std::move(edge->tree);
  bundle_ = std::move(edge->bundle);
  last_time_ = edge->last ? edge->last->time : base::UnixMillis{};
  head_ = opening->head;
  head_time_ = last_time_;
  for (unsigned level = 0; level < kMaxTileLevels; ++level)
    tile_sizes_[level] = tree_.size() >> (kTileHeight * level);
  std::vector<Evidence> evidence{{EvidenceType::document, opening->evidence.document},
                                 {EvidenceType::policy, opening->evidence.policy},
                                 {EvidenceType::authority, opening->evidence.authority}};
  if (!opening->note.empty()) evidence.push_back({EvidenceType::checkpoint, opening->note});
  Event event;
  event.detail = opening->evidence.detail;
  enqueue(std::move(event), std::move(evidence), opening->now,
          then(opening, [this, opening](const base::Result<std::uint64_t>& index) {
            if (!index) return end(opening, index.error());
            is_open_ = true;
            end(opening, {});
          }));
  if (opening->is_new_key && opening->evidence.first) {
    enqueue(*std::move(opening->evidence.first), std::move(opening->evidence.first_evidence),
            opening->now, {});
  }
  write_next();
}

}  // namespace concordat::keyservice::audit
