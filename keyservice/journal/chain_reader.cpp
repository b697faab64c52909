#include "keyservice/journal/chain_reader.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {

using base::Error;
using base::Result;
using base::Status;

template <class Body>
auto ChainReader::then(const ReadingPtr& reading, Body body) {
  return lifetime_.guard([reading, body = std::move(body)](
                             auto&& result) { body(std::forward<decltype(result)>(result)); },
                         [this, reading] { end(reading, Error(Errc::out_of_memory)); });
}

void ChainReader::end(const ReadingPtr& reading, Status status) {
  if (!status && reading->is_from_nothing && chain_.head().position > 0) chain_.clear();
  // Its completion may have run out of memory itself; it is told once.
  if (Done done = std::exchange(reading->done, nullptr)) done(std::move(status));
}

ChainReader::ReadingPtr ChainReader::begin(Done done) const {
  auto reading = std::make_shared<Reading>();
  reading->done = std::move(done);
  reading->is_from_nothing = chain_.head().position == 0;
  return reading;
}

void ChainReader::load(Done done) {
  find_snapshot(begin(std::move(done)));
}

void ChainReader::follow(Done done) {
  const ReadingPtr reading = begin(std::move(done));
  reading->is_from_nothing ? find_snapshot(reading) : read_entries(reading);
}

void ChainReader::read_entries(const ReadingPtr& reading) {
  store_.read(std::string(kEntryPrefix), entry_name(chain_.head().position), kReadBytes,
              then(reading, [this, reading](Result<Records> page) {
                on_entries(reading, std::move(page));
              }));
}

void ChainReader::on_entries(const ReadingPtr& reading, Result<Records> page) {
  if (!page) return end(reading, page.error());
  for (const Record& record : page->records) {
    const Place place = entry_after(chain_.head());
    if (record.name != place.name) {
      const auto position = parse_entry_name(record.name);
      if (!position || *position < place.position) {
        return end(reading, Error(Errc::record_repeated, described(place) + " was asked for"));
      }
      reading->lacking =
          described(place) + "; the store goes on at position " + std::to_string(*position);
      return find_snapshot(reading);
    }
    if (const Status followed = chain_.follow(record); !followed) {
      return end(reading, followed.error());
    }
  }
  if (!page->more) return end(reading, {});
  if (page->records.empty()) {
    return end(reading, Error(Errc::store_inconsistent, "there are more entries, and none came"));
  }
  read_entries(reading);
}

void ChainReader::find_snapshot(const ReadingPtr& reading) {
  reading->newest = {};
  reading->behind.clear();
  reading->snapshots = 0;
  read_snapshots(reading);
}

void ChainReader::read_snapshots(const ReadingPtr& reading) {
  store_.read(std::string(kSnapshotPrefix), reading->behind, kReadBytes,
              then(reading, [this, reading](Result<Records> page) {
                on_snapshots(reading, std::move(page));
              }));
}

void ChainReader::on_snapshots(const ReadingPtr& reading, Result<Records> page) {
  if (!page) return end(reading, page.error());
  reading->snapshots += page->records.size();
  keep_newest(*reading, *page);
  if (!page->more) return on_newest(reading);
  if (page->records.empty() || reading->snapshots > kMaxSnapshots) {
    return end(reading, Error(Errc::store_inconsistent, "more snapshots than are ever kept"));
  }
  read_snapshots(reading);
}

// One that says of itself that it is under an older generation than must have taken over is
// nobody's that counts: whoever knows an older root could otherwise put a state of his own in front
// of genuine entries. What it says is authenticated when it is opened.
void ChainReader::keep_newest(Reading& reading, Records& page) const {
  if (page.records.empty()) return;
  reading.behind = page.records.back().name;
  const std::uint32_t least = std::max(chain_.head().position == 0 ? 0 : chain_.generation(),
                                       chain_.sealer().required_generation());
  for (Record& record : page.records) {
    const auto frame = decode_frame(record.value);
    if (!frame || frame->generation >= least) reading.newest = std::move(record);
  }
}

void ChainReader::on_newest(const ReadingPtr& reading) {
  SnapshotName newest;
  if (!reading->newest.name.empty()) {
    const auto parsed = parse_snapshot_name(reading->newest.name);
    if (!parsed) return end(reading, parsed.error());
    newest = *parsed;
  }
  // Never backwards, and no second time to one that was not whole.
  if (newest.position > std::max(chain_.head().position, reading->snapshot.position)) {
    reading->snapshot = newest;
    if (const Status taken = take_snapshot(*reading); !taken) return end(reading, taken.error());
    chain_.fold().begin_load();
    return read_chunks(reading);
  }
  if (!reading->lacking.empty()) {
    return end(reading, Error(Errc::record_missing, reading->lacking));
  }
  read_entries(reading);
}

Status ChainReader::take_snapshot(Reading& reading) {
  const Place place = snapshot_place({reading.snapshot.position, {}}, reading.snapshot.id);
  CONCORDAT_TRY(const Sealer::Linked opened,
                chain_.sealer().open_stating_link(place, reading.newest.value));
  CONCORDAT_TRY(reading.manifest, decode_manifest(opened.content));
  reading.head = {place.position, opened.link};
  reading.generation = opened.generation;
  reading.next_chunk = 0;
  return {};
}

Place ChainReader::next_chunk(const Reading& reading) const {
  return chunk_place(reading.head, reading.snapshot.id, reading.next_chunk,
                     reading.manifest.chunks);
}

void ChainReader::read_chunks(const ReadingPtr& reading) {
  const std::string after = reading->next_chunk == 0
                                ? std::string()
                                : chunk_place(reading->head, reading->snapshot.id,
                                              reading->next_chunk - 1, reading->manifest.chunks)
                                      .name;
  store_.read(chunk_prefix(reading->head, reading->snapshot.id), after, kReadBytes,
              then(reading,
                   [this, reading](Result<Records> page) { on_chunks(reading, std::move(page)); }));
}

// record_missing is the store's fault or a newer snapshot's; any other error is a refusal.
Status ChainReader::take_chunks(Reading& reading, const Records& page) {
  if (page.records.empty()) return Error(Errc::record_missing);
  for (const Record& record : page.records) {
    const Place place = next_chunk(reading);
    if (record.name != place.name) return Error(Errc::record_missing);
    CONCORDAT_TRY(const Sealer::Linked piece,
                  chain_.sealer().open_stating_generation(place, record.value));
    if (piece.generation != reading.generation) {
      return Error(Errc::record_swapped, described(place) + " is of another root generation");
    }
    if (const Status loaded = chain_.fold().load(piece.content); !loaded) {
      return Error(Errc::content_refused, described(place) + ": " + loaded.error().to_string());
    }
    ++reading.next_chunk;
  }
  return {};
}

void ChainReader::on_chunks(const ReadingPtr& reading, Result<Records> page) {
  if (!page) return end(reading, page.error());
  if (const Status taken = take_chunks(*reading, *page); !taken) {
    if (!taken.error().is(Errc::record_missing)) return end(reading, taken.error());
    reading->lacking = described(next_chunk(*reading));
    return find_snapshot(reading);
  }
  if (reading->next_chunk < reading->manifest.chunks) return read_chunks(reading);
  if (const Status restarted =
          chain_.restart(reading->head, reading->manifest, reading->generation);
      !restarted) {
    return end(reading, restarted.error());
  }
  reading->is_from_nothing = false;
  snapshot_position_ = reading->head.position;
  reading->lacking.clear();
  read_entries(reading);
}

}  // namespace concordat::keyservice::journal
