#include "session/protocols/psi_size/intake.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "attest/base/secret_access.hpp"
#include "session/input/errc.hpp"
#include "session/protocols/psi_size/blinding.hpp"
#include "session/protocols/psi_size/errc.hpp"
#include "session/protocols/psi_size/kind.hpp"

namespace concordat::session::psi_size {
namespace {

using Digest = std::array<std::uint8_t, kDigestSize>;
static_assert(sizeof(Digest) == kDigestSize && alignof(Digest) == 1);

std::span<Digest> digests_in(base::SecretBytes& bytes) {
  return {reinterpret_cast<Digest*>(bytes.expose_mutable(base::SecretAccess{}).data()),
          bytes.size() / kDigestSize};
}

base::Result<Parameters> parse(base::BytesView text) {
  if (text.size() > kMaxParameters) {
    return base::Error(base::JsonErrc::bad_value,
                       "parameters: more than " + std::to_string(kMaxParameters) + " bytes");
  }
  CONCORDAT_TRY(const nlohmann::json json, base::parse_strict_json(base::as_text(text)));
  CONCORDAT_TRY(base::JsonObject object, base::JsonObject::from(json, "parameters"));
  Parameters out;
  CONCORDAT_TRY(out.max_items, object.get_uint("max_items", 1, kMostItems));
  CONCORDAT_TRY(out.min_items, object.uint_or("min_items", 0, 0, out.max_items));
  CONCORDAT_CHECK(object.finish());
  return out;
}

base::Result<std::unique_ptr<Intake>> take(base::BytesView parameters, std::size_t parties,
                                           std::size_t) {
  if (parties != 2) return base::Error(Errc::bad_parties, std::to_string(parties) + " parties");
  CONCORDAT_TRY(const Parameters parsed, parse(parameters));
  return std::unique_ptr<Intake>(std::make_unique<ItemIntake>(parsed));
}

base::Result<std::unique_ptr<Protocol>> watch(base::BytesView parameters, const Seat& seat) {
  if (seat.parties.size() != 2) {
    return base::Error(Errc::bad_parties, std::to_string(seat.parties.size()) + " parties");
  }
  CONCORDAT_TRY(const Parameters parsed, parse(parameters));
  return make_protocol(parsed, base::SecretBytes(), seat);
}

}  // namespace

ProtocolKind kind() {
  return {"psi_size/1", take, watch};
}

ItemIntake::ItemIntake(const Parameters& parameters)
    : parameters_(parameters),
      digests_(base::SecretBytes::zeroed(2 * parameters.max_items * kDigestSize)) {}

base::Status ItemIntake::take(base::BytesView line) {
  if (line.empty()) return {};
  if (count_ == 2 * parameters_.max_items) CONCORDAT_CHECK(drop_repeated());
  const std::span<std::uint8_t> all = digests_.expose_mutable(base::SecretAccess{});
  hash_item(line, all.subspan(count_ * kDigestSize).first<kDigestSize>());
  ++count_;
  return {};
}

base::Status ItemIntake::drop_repeated() {
  const std::span<Digest> digests = digests_in(digests_).first(count_);
  std::ranges::sort(digests);
  count_ -= std::ranges::unique(digests).size();
  if (count_ <= parameters_.max_items) return {};
  return base::Error(input::Errc::too_many, "more than " + std::to_string(parameters_.max_items) +
                                                " different items up to line " +
                                                std::to_string(lines_.number()));
}

base::Result<base::SecretBytes> ItemIntake::filled_up() {
  // Sorted and thrown away: for the time that more items would take.
  base::SecretBytes rest = base::SecretBytes::random(digests_.size() - count_ * kDigestSize);
  std::ranges::sort(digests_in(rest));
  CONCORDAT_CHECK(drop_repeated());
  base::SecretBytes out = base::SecretBytes::random(parameters_.max_items * kDigestSize);
  std::ranges::copy(digests_in(digests_).first(count_), digests_in(out).begin());
  return out;
}

base::Status ItemIntake::feed(base::BytesView piece) {
  return lines_.feed(piece, [this](base::BytesView line) { return take(line); });
}

base::Status ItemIntake::restore(base::SecretBytes) {
  return base::Error(input::Errc::malformed, "this protocol keeps nothing between runs");
}

base::Result<std::unique_ptr<Protocol>> ItemIntake::begin(const Seat& seat) {
  if (seat.parties.size() != 2) {
    return base::Error(Errc::bad_parties, std::to_string(seat.parties.size()) + " parties");
  }
  CONCORDAT_CHECK(lines_.finish([this](base::BytesView line) { return take(line); }));
  CONCORDAT_TRY(base::SecretBytes digests, filled_up());
  if (count_ < parameters_.min_items) {
    return base::Error(input::Errc::too_few,
                       "fewer than " + std::to_string(parameters_.min_items) + " different items");
  }
  return make_protocol(parameters_, std::move(digests), seat);
}

}  // namespace concordat::session::psi_size
