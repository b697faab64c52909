#include "keyservice/journal/chain.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {

using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Sha256Digest;

Chain::Chain(Fold& fold, Sealer sealer)
    : fold_(fold), sealer_(std::move(sealer)), remembered_(kRememberedHeads) {}

base::Status Chain::follow(const Record& record) {
  CONCORDAT_TRY(const Sealer::Linked opened,
                sealer_.open_stating_generation(entry_after(head_), record.value));
  return acknowledge(hash_of(record.value), opened.content, opened.generation);
}

base::Status Chain::acknowledge(const Sha256Digest& hash, const SecretBytes& content,
                                std::uint32_t generation) {
  CONCORDAT_CHECK(check_generation(entry_after(head_), generation));
  const bool takes_over = generation_ != 0 && generation > generation_;
  if (const auto applied = fold_.apply(content, {generation, generation_}); !applied) {
    return Error(Errc::content_refused,
                 described(entry_after(head_)) + ": " + applied.error().to_string());
  }
  advance(hash);
  generation_ = generation;
  if (takes_over) since_ = head_.position;
  return {};
}

base::Status Chain::check_generation(const Place& place, std::uint32_t generation) const {
  if (generation >= generation_) return {};
  return Error(Errc::generation_passed, described(place) + " is sealed under root generation " +
                                            std::to_string(generation) + ", and " +
                                            std::to_string(generation_) + " has taken over");
}

void Chain::advance(const Sha256Digest& hash) noexcept {
  head_ = {head_.position + 1, hash};
  remembered_[head_.position % kRememberedHeads] = hash;
  if (head_.position - oldest_ == kRememberedHeads) ++oldest_;
}

std::optional<Sha256Digest> Chain::hash_at(std::uint64_t position) const {
  if (position < oldest_ || position > head_.position) return std::nullopt;
  return remembered_[position % kRememberedHeads];
}

base::Status Chain::check_seen(const Head& seen) const {
  if (seen.position == 0) return {};
  const std::string where = "position " + std::to_string(seen.position) + " was seen";
  if (seen.position > head_.position) {
    return Error(Errc::rolled_back,
                 where + ", the store ends at " + std::to_string(head_.position));
  }
  const auto own = hash_at(seen.position);
  if (!own) return Error(Errc::head_too_old, where);
  if (*own != seen.hash) return Error(Errc::forked, where + " with another entry");
  return {};
}

Chain::Manifest Chain::manifest(std::uint32_t chunks) const {
  Manifest out{chunks, {}, since_};
  for (std::uint64_t position = oldest_; position < head_.position; ++position)
    out.earlier.push_back(*hash_at(position));
  return out;
}

base::Status Chain::restart(const Head& head, const Manifest& manifest, std::uint32_t generation) {
  if (manifest.earlier.size() >= std::min<std::uint64_t>(kRememberedHeads, head.position)) {
    return Error(Errc::content_refused, "a snapshot that remembers too many heads");
  }
  if (manifest.since > head.position) {
    return Error(Errc::content_refused, "a snapshot before its generation took over");
  }
  CONCORDAT_CHECK(check_generation(snapshot_place(head, {}), generation));
  CONCORDAT_CHECK(check_own(head, manifest));
  CONCORDAT_CHECK(fold_.commit_load());
  head_ = {head.position - manifest.earlier.size() - 1, {}};
  oldest_ = head_.position + 1;
  for (const Sha256Digest& hash : manifest.earlier)
    advance(hash);
  advance(head.hash);
  generation_ = generation;
  since_ = manifest.since;
  return {};
}

// Whoever has read entries goes on from a snapshot only where it is of the same chain.
base::Status Chain::check_own(const Head& head, const Manifest& manifest) const {
  if (head_.position == 0) return {};
  const std::string where = "a snapshot at position " + std::to_string(head.position);
  const std::uint64_t oldest = head.position - manifest.earlier.size();
  if (head_.position < oldest || head_.position >= head.position) {
    return Error(Errc::head_too_old,
                 where + " does not say what stood at " + std::to_string(head_.position));
  }
  if (manifest.earlier[head_.position - oldest] == head_.hash) return {};
  return Error(Errc::forked, where + " has another entry at " + std::to_string(head_.position));
}

void Chain::clear() noexcept {
  fold_.clear();
  head_ = {};
  generation_ = 0;
  since_ = 0;
  oldest_ = 1;
}

SecretBytes encode(const Chain::Manifest& manifest) {
  base::Bytes hashes;
  for (const Sha256Digest& hash : manifest.earlier)
    base::append(hashes, hash.view());
  base::cbor::Writer out;
  out.array(3).uint(manifest.chunks).bytes(hashes).uint(manifest.since);
  base::Bytes encoded = std::move(out).take();
  return SecretBytes::take(encoded);
}

Result<Chain::Manifest> decode_manifest(const SecretBytes& content) {
  base::cbor::Reader reader(content.expose(SecretAccess{}));
  const auto read = [&]() -> Result<Chain::Manifest> {
    CONCORDAT_TRY(const std::size_t items, reader.read_array(3));
    CONCORDAT_TRY(const std::uint64_t chunks, reader.read_uint());
    CONCORDAT_TRY(const base::BytesView hashes,
                  reader.read_bytes((kRememberedHeads - 1) * Sha256Digest::kSize));
    CONCORDAT_TRY(const std::uint64_t since, reader.read_uint());
    CONCORDAT_CHECK(reader.finish());
    if (items != 3 || chunks == 0 || chunks > kMaxChunks ||
        hashes.size() % Sha256Digest::kSize != 0) {
      return Error(Errc::content_refused, "a snapshot of " + std::to_string(chunks) + " chunks");
    }
    Chain::Manifest out{static_cast<std::uint32_t>(chunks), {}, since};
    for (std::size_t at = 0; at < hashes.size(); at += Sha256Digest::kSize) {
      CONCORDAT_TRY(const Sha256Digest hash,
                    Sha256Digest::from(hashes.subspan(at, Sha256Digest::kSize)));
      out.earlier.push_back(hash);
    }
    return out;
  };
  auto manifest = read();
  if (!manifest) return Error(Errc::content_refused, manifest.error().to_string());
  return manifest;
}

}  // namespace concordat::keyservice::journal
