// How a boot takes over a log.
#include "keyservice/audit/edge.hpp"
#include "keyservice/audit/log.hpp"
#include "keyservice/audit/proof.hpp"

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

base::Result<bool> Log::is_signed_by(const SignedCheckpoint& head,
                                     const attest::SignerKey& key) const {
  CONCORDAT_TRY(const auto verifier,
                NoteVerifier::create(identity_.origin, NoteKeyType::ed25519, key));
  const Status verified = head.note.verify(verifier);
  if (verified) return true;
  if (verified.error().is(Errc::unknown_key)) return false;
  return verified.error();
}

base::Result<bool> Log::check_signature(const SignedCheckpoint& head) const {
  if (head.checkpoint.origin != identity_.origin) {
    return Error(Errc::other_origin, "the checkpoint is of another log than " + identity_.origin);
  }
  CONCORDAT_TRY(const bool is_own, is_signed_by(head, identity_.log_key->public_key()));
  if (is_own) return true;
  for (const attest::SignerKey& key : identity_.other_log_keys) {
    CONCORDAT_TRY(const bool is_other, is_signed_by(head, key));
    if (is_other) return false;
  }
  for (const attest::SignerKey& key : identity_.handover.replaced_keys) {
    CONCORDAT_TRY(const bool is_replaced, is_signed_by(head, key));
    if (!is_replaced) continue;
    if (head.checkpoint == identity_.handover.at) return false;
    return Error(Errc::key_replaced, "at size " + std::to_string(head.checkpoint.size));
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
  if (opening->tiles.empty()) return check_edge(opening);
  const Tile tile = opening->tiles.back();
  opening->tiles.pop_back();
  read_tile(opening, tile, [this, opening] { read_edge(opening); });
}

void Log::read_tile(const OpeningPtr& opening, const Tile& tile, std::function<void()> next) {
  store_.read(path_of(tile), then(opening, [this, opening, tile, next = std::move(next)](
                                               const base::Result<std::optional<Bytes>>& content) {
                if (!content) return end(opening, content.error());
                if (!*content) return end(opening, Error(Errc::file_missing, path_of(tile)));
                opening->files[tile] = **content;
                next();
              }));
}

void Log::check_edge(const OpeningPtr& opening) {
  auto edge = restore_edge(opening->head, opening->files);
  if (!edge) return end(opening, edge.error());
  tree_ = std::move(edge->tree);
  bundle_ = std::move(edge->bundle);
  last_time_ = edge->last ? edge->last->time : base::UnixMillis{};
  check_handover(opening);
}

// That the log was handed over in its own past. The proof is made of its tiles, read one after the
// other as it asks for them.
void Log::check_handover(const OpeningPtr& opening) {
  const auto& at = identity_.handover.at;
  if (!at || at->size == 0) return hand_over(opening);
  const std::string where = "handed over at size " + std::to_string(at->size);
  const Checkpoint& head = opening->head;
  if (head.size < at->size) {
    return end(opening,
               Error(Errc::rolled_back, where + ", it ends at " + std::to_string(head.size)));
  }
  std::optional<Tile> lacking;
  ProofMaker maker(head.size, [&](const Tile& tile) -> base::Result<std::vector<Hash>> {
    const auto found = opening->files.find(tile);
    if (found == opening->files.end()) {
      lacking = tile;
      return Error(Errc::file_missing, path_of(tile));
    }
    auto hashes = decode_hashes(found->second);
    if (!hashes) return Error(Errc::file_damaged, path_of(tile));
    return *std::move(hashes);
  });
  const auto proof = maker.consistency(at->size, head.size);
  if (lacking) return read_tile(opening, *lacking, [this, opening] { check_handover(opening); });
  if (!proof) return end(opening, proof.error());
  if (!verify_consistency(at->size, head.size, at->root, head.root, *proof)) {
    return end(opening, Error(Errc::forked, where + " with another root"));
  }
  hand_over(opening);
}

void Log::hand_over(const OpeningPtr& opening) {
  if (!identity_.handover.hand_over) return begin_boot(opening);
  identity_.handover.hand_over(opening->head, then(opening, [this, opening](const Status& handed) {
                                 if (!handed) return end(opening, handed.error());
                                 begin_boot(opening);
                               }));
}

void Log::begin_boot(const OpeningPtr& opening) {
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
