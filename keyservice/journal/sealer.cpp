#include "keyservice/journal/sealer.hpp"

#include <array>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/journal/errc.hpp"
#include "peer/aead.hpp"
#include "peer/limits.hpp"
#include "policy/finding.hpp"

namespace concordat::keyservice::journal {
namespace {

using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using peer::Aead;

constexpr std::string_view kDomain = "concordat/journal/1";
// Each key seals one record.
constexpr std::array<std::uint8_t, peer::kAeadNonceSize> kNonce{};

SecretBytes record_key(const SecretBytes& journal_key, base::BytesView salt) {
  base::cbor::Writer info;
  info.array(2).text(kDomain).bytes(salt);
  return base::hkdf_expand(journal_key, info.view(), kKeySize);
}

// What the frame says of itself against the place that it was found in.
base::Status check_statements(const Frame& frame, const Place& place, std::string_view realm) {
  if (frame.realm != realm) {
    return Error(Errc::foreign_realm, described(place) + " is of realm " +
                                          policy::quote(frame.realm) + ", not of " +
                                          policy::quote(realm));
  }
  if (frame.name != place.name) {
    return Error(Errc::record_swapped,
                 described(place) + " holds the record " + policy::quote(frame.name));
  }
  if (frame.link != place.link) {
    return Error(Errc::chain_broken, described(place) + " does not follow the record before it");
  }
  if (frame.index != place.index || frame.count != place.count) {
    return Error(Errc::record_swapped, described(place) + " is chunk " +
                                           std::to_string(std::uint64_t{frame.index} + 1) + " of " +
                                           std::to_string(frame.count) + " of its snapshot");
  }
  return {};
}

}  // namespace

Sealer::Sealer(std::string realm, Keys keys, base::RandomSource& random)
    : realm_(std::move(realm)), keys_(std::move(keys)), random_(random) {}

base::Bytes Sealer::associated(const Place& place, std::uint32_t generation) const {
  base::cbor::Writer out;
  out.array(9).text(kDomain).text(to_string(place.kind)).text(place.name).text(realm_);
  out.uint(generation).uint(place.position).bytes(place.link.view());
  out.uint(place.index).uint(place.count);
  return std::move(out).take();
}

Result<base::Bytes> Sealer::seal(const Place& place, const SecretBytes& content,
                                 std::uint32_t generation) const {
  const auto held = keys_.by_generation.find(generation);
  if (held == keys_.by_generation.end()) {
    return Error(Errc::unknown_generation,
                 "to seal " + described(place) + " under " + std::to_string(generation));
  }
  Frame frame;
  frame.name = place.name;
  frame.realm = realm_;
  frame.generation = generation;
  frame.link = place.link;
  frame.index = place.index;
  frame.count = place.count;
  random_.fill(frame.salt.mutable_view());
  frame.box.resize(content.size() + peer::kAeadTagSize);
  const SecretBytes key = record_key(held->second, frame.salt.view());
  Aead(key, Aead::Direction::seal)
      .seal(kNonce, associated(place, frame.generation), content.expose(SecretAccess{}), frame.box);
  return encode(frame);
}

Result<SecretBytes> Sealer::open(const Place& place, base::BytesView record) const {
  CONCORDAT_TRY(Linked opened, open(place, record, true));
  return std::move(opened.content);
}

Result<Sealer::Linked> Sealer::open_stating_generation(const Place& place,
                                                       base::BytesView record) const {
  return open(place, record, true);
}

Result<Sealer::Linked> Sealer::open_stating_link(Place place, base::BytesView record) const {
  return open(std::move(place), record, false);
}

Result<Sealer::Linked> Sealer::open(Place place, base::BytesView record, bool link_is_known) const {
  const auto decoded = decode_frame(record);
  if (!decoded) {
    return Error(decoded.error().code(), described(place) + ": " + decoded.error().detail());
  }
  const Frame& frame = *decoded;
  if (!link_is_known) place.link = frame.link;
  CONCORDAT_CHECK(check_statements(frame, place, realm_));
  const auto key = keys_.by_generation.find(frame.generation);
  if (key == keys_.by_generation.end()) {
    return Error(Errc::unknown_generation, described(place) + " is sealed under root generation " +
                                               std::to_string(frame.generation));
  }
  if (frame.box.size() <= peer::kAeadTagSize) return Error(Errc::record_forged, described(place));
  Linked out{place.link, frame.generation,
             SecretBytes::zeroed(frame.box.size() - peer::kAeadTagSize)};
  const auto opened = Aead(record_key(key->second, frame.salt.view()), Aead::Direction::open)
                          .open(kNonce, associated(place, frame.generation), frame.box,
                                out.content.expose_mutable(SecretAccess{}));
  if (!opened) return Error(Errc::record_forged, described(place));
  return out;
}

}  // namespace concordat::keyservice::journal
