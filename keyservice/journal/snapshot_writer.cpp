#include "keyservice/journal/snapshot_writer.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {

using base::Error;
using base::Status;

template <class Body>
auto SnapshotWriter::then(Body body) {
  return lifetime_.guard(
      [this, body = std::move(body)](Status status) {
        if (!status) return end(status.error());
        body();
      },
      [this] { end(Error(Errc::out_of_memory)); });
}

void SnapshotWriter::end(Status status) {
  if (const auto writing = std::exchange(writing_, nullptr)) writing->done(std::move(status));
}

void SnapshotWriter::write(Store::Done done) {
  if (writing_) return done(Error(Errc::snapshot_under_way));
  const std::uint32_t generation = chain_.generation();
  if (!chain_.sealer().holds(generation)) {
    return done(Error(Errc::unknown_generation, std::to_string(generation)));
  }
  auto writing = std::make_unique<Writing>();
  writing->generation = generation;
  writing->done = std::move(done);
  writing->head = chain_.head();
  writing->id = chain_.sealer().random().make<SnapshotId>();
  writing->pieces = chain_.fold().save();
  writing->manifest = encode(chain_.manifest(static_cast<std::uint32_t>(writing->pieces.size())));
  writing->superfluous = made_superfluous_by(writing->head.position);
  writing_ = std::move(writing);
  if (writing_->pieces.size() > kMaxChunks) return end(Error(Errc::content_too_large));
  then([this] { next_chunk(); })(Status());
}

void SnapshotWriter::next_chunk() {
  if (writing_->next == writing_->pieces.size()) return finish_snapshot();
  const Place place = chunk_place(writing_->head, writing_->id, writing_->next,
                                  static_cast<std::uint32_t>(writing_->pieces.size()));
  base::SecretBytes& piece = writing_->pieces[writing_->next++];
  // Since the writing began, policy may have dropped its generation.
  auto sealed = chain_.sealer().seal(place, piece, writing_->generation);
  piece.wipe();
  if (!sealed) return end(sealed.error());
  store_.create(place.name, std::nullopt, *std::move(sealed), then([this] { next_chunk(); }));
}

void SnapshotWriter::finish_snapshot() {
  const Place place = snapshot_place(writing_->head, writing_->id);
  auto sealed = chain_.sealer().seal(place, writing_->manifest, writing_->generation);
  if (!sealed) return end(sealed.error());
  store_.create(place.name, std::nullopt, *std::move(sealed), then([this] {
                  position_ = writing_->head.position;
                  remove_superfluous();
                }));
}

void SnapshotWriter::remove_superfluous() {
  if (writing_->superfluous.empty()) return end({});
  const Superfluous superfluous = writing_->superfluous.front();
  writing_->superfluous.erase(writing_->superfluous.begin());
  store_.remove(superfluous.prefix, superfluous.before, then([this] { remove_superfluous(); }));
}

}  // namespace concordat::keyservice::journal
