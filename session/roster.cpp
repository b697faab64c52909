#include "session/roster.hpp"

#include <algorithm>

#include "attest/base/cbor_fixed.hpp"
#include "policy/finding.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace cbor = base::cbor;

constexpr std::string_view kRosterDomain = "concordat/session-roster/1";
constexpr std::size_t kSeatItems = 6;

Result<PartyIndex> read_index(cbor::Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t index, reader.read_uint());
  if (index == 0 || index > limits::kMaxParties) return Error(cbor::Errc::too_large, "party index");
  return static_cast<PartyIndex>(index);
}

Result<RosterSeat> read_roster_seat(cbor::Reader& reader) {
  CONCORDAT_CHECK(want_array(reader, kSeatItems));
  RosterSeat out;
  CONCORDAT_TRY(out.index, read_index(reader));
  CONCORDAT_TRY(out.key, read_fixed<SessionPublicKey>(reader));
  CONCORDAT_TRY(out.nonce, read_fixed<RunNonce>(reader));
  CONCORDAT_TRY(out.pcr16, read_fixed<attest::PcrValue>(reader));
  CONCORDAT_TRY(out.pcr0, read_fixed<attest::PcrValue>(reader));
  CONCORDAT_TRY(const std::string_view id, reader.read_text(limits::kModuleIdLength));
  out.module_id = id;
  return out;
}

Result<Roster> read_roster(BytesView encoded) {
  if (encoded.size() > limits::kRosterBytes) return Error(cbor::Errc::too_large);
  cbor::Reader reader(encoded);
  CONCORDAT_CHECK(want_array(reader, 3));
  CONCORDAT_TRY(const std::string_view domain, reader.read_text(kRosterDomain.size()));
  if (domain != kRosterDomain) return Error(cbor::Errc::malformed, "another domain");
  Roster out;
  CONCORDAT_TRY(out.descriptor, read_fixed<DescriptorDigest>(reader));
  CONCORDAT_TRY(const std::size_t seats, reader.read_array(limits::kMaxParties));
  for (std::size_t i = 0; i < seats; ++i) {
    CONCORDAT_TRY(RosterSeat seat, read_roster_seat(reader));
    if (!out.seats.empty() && out.seats.back().index >= seat.index) {
      return Error(cbor::Errc::malformed, "seats out of order");
    }
    out.seats.push_back(std::move(seat));
  }
  CONCORDAT_CHECK(reader.finish());
  return out;
}

// Enough to tell two apart in one line.
std::string head(BytesView bytes) {
  constexpr std::size_t kShown = 8;
  return base::to_hex(bytes.first(std::min(bytes.size(), kShown))) + "..";
}

std::string seat_difference(const RosterSeat& a, const RosterSeat& b, const std::string& whose) {
  const auto differ = [&](const char* what, const std::string& here, const std::string& there) {
    return std::string(what) + " of " + whose + ": " + here + " here, " + there + " there";
  };
  if (a.key != b.key) return differ("session key", head(a.key.view()), head(b.key.view()));
  if (a.nonce != b.nonce) return differ("run nonce", head(a.nonce.view()), head(b.nonce.view()));
  if (a.pcr16 != b.pcr16) return differ("PCR16", head(a.pcr16.view()), head(b.pcr16.view()));
  if (a.pcr0 != b.pcr0) return differ("PCR0", head(a.pcr0.view()), head(b.pcr0.view()));
  if (a.module_id != b.module_id) {
    return differ("module id", policy::quote(a.module_id), policy::quote(b.module_id));
  }
  return {};
}

std::optional<PartyIndex> number(std::string_view text) {
  if (text.empty() || text.size() > 2 || text[0] == '0') return std::nullopt;
  PartyIndex out = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    out = out * 10 + static_cast<PartyIndex>(c - '0');
  }
  return out;
}

constexpr std::string_view kPurposePrefix = "session/";

}  // namespace

const RosterSeat* Roster::seat(PartyIndex index) const noexcept {
  const auto found = std::ranges::find(seats, index, &RosterSeat::index);
  return found == seats.end() ? nullptr : &*found;
}

Bytes encode(const Roster& roster) {
  cbor::Writer writer;
  writer.array(3).text(kRosterDomain).bytes(roster.descriptor.view()).array(roster.seats.size());
  for (const RosterSeat& seat : roster.seats) {
    writer.array(kSeatItems)
        .uint(seat.index)
        .bytes(seat.key.view())
        .bytes(seat.nonce.view())
        .bytes(seat.pcr16.view())
        .bytes(seat.pcr0.view())
        .text(seat.module_id);
  }
  return std::move(writer).take();
}

Result<Roster> decode_roster(BytesView encoded) {
  auto roster = read_roster(encoded);
  if (!roster) return Error(FormingErrc::malformed_roster, roster.error().to_string());
  return roster;
}

RunId run_id(BytesView encoded_roster) {
  return base::sha256({encoded_roster});
}

Status check_seat(const RosterSeat& seat, const std::vector<RosterSeat>& others,
                  const DescriptorFields& fields) {
  for (const RosterSeat& other : others) {
    if (other.index == seat.index) continue;
    const char* same = seat.module_id == other.module_id ? "module id"
                       : seat.key == other.key           ? "session key"
                       : seat.nonce == other.nonce       ? "run nonce"
                                                         : nullptr;
    if (same == nullptr) continue;
    return Error(FormingErrc::seat_taken, std::string(same) + " of " + fields.name_of(seat.index) +
                                              " is that of " + fields.name_of(other.index));
  }
  return {};
}

Status check_roster(const Roster& roster, const DescriptorFields& fields) {
  if (roster.seats.size() != fields.parties.size()) {
    return Error(FormingErrc::malformed_roster, std::to_string(roster.seats.size()) + " seats of " +
                                                    std::to_string(fields.parties.size()) +
                                                    " parties");
  }
  for (const RosterSeat& seat : roster.seats) {
    const PartyEntry* const party = fields.party(seat.index);
    if (party == nullptr) {
      return Error(FormingErrc::malformed_roster, "no " + fields.name_of(seat.index));
    }
    if (seat.pcr16 != party->pcr16()) {
      return Error(FormingErrc::malformed_roster,
                   "PCR16 of " + fields.name_of(seat.index) + " is not of its authority");
    }
    CONCORDAT_CHECK(check_seat(seat, roster.seats, fields));
  }
  return {};
}

std::string difference(const Roster& here, const Roster& there, const DescriptorFields& fields) {
  if (here.descriptor != there.descriptor) {
    return "session descriptor: " + head(here.descriptor.view()) + " here, " +
           head(there.descriptor.view()) + " there";
  }
  for (const RosterSeat& seat : here.seats) {
    const RosterSeat* const other = there.seat(seat.index);
    const std::string whose = fields.name_of(seat.index);
    if (other == nullptr) return whose + " sits here, not there";
    if (std::string found = seat_difference(seat, *other, whose); !found.empty()) return found;
  }
  for (const RosterSeat& seat : there.seats) {
    if (here.seat(seat.index) == nullptr) {
      return fields.name_of(seat.index) + " sits there, not here";
    }
  }
  return {};
}

Bytes roster_message(BytesView encoded_roster) {
  Bytes out = base::to_bytes(base::as_bytes(kRosterDomain));
  out.push_back(0);
  base::append(out, encoded_roster);
  return out;
}

peer::Extensions seat_extensions(const SeatClaim& claim) {
  return {{kPartyExtension, Bytes{static_cast<std::uint8_t>(claim.index)}},
          {kKeyExtension, base::to_bytes(claim.key.view())},
          {kNonceExtension, base::to_bytes(claim.nonce.view())}};
}

Result<SeatClaim> read_seat(const peer::Extensions& extensions) {
  const auto fault = [](std::string what) {
    return Error(FormingErrc::malformed_statement, std::move(what));
  };
  if (extensions.size() != 3) return fault("want three extensions");
  const auto party = extensions.find(kPartyExtension);
  const auto key = extensions.find(kKeyExtension);
  const auto nonce = extensions.find(kNonceExtension);
  if (party == extensions.end() || key == extensions.end() || nonce == extensions.end()) {
    return fault("want the party, its session key and its run nonce");
  }
  SeatClaim out;
  if (party->second.size() != 1) return fault(kPartyExtension);
  out.index = party->second[0];
  const auto read_key = SessionPublicKey::from(key->second);
  const auto read_nonce = RunNonce::from(nonce->second);
  if (!read_key || !read_nonce) return fault("session key or run nonce");
  out.key = *read_key;
  out.nonce = *read_nonce;
  return out;
}

std::string handshake_purpose(PartyIndex initiator, PartyIndex responder) {
  return std::string(kPurposePrefix) + std::to_string(initiator) + "/" + std::to_string(responder);
}

Result<Pairing> read_purpose(std::string_view purpose) {
  if (purpose.starts_with(kPurposePrefix)) {
    const std::string_view rest = purpose.substr(kPurposePrefix.size());
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const auto initiator = number(rest.substr(0, slash));
    const auto responder = number(slash == rest.size() ? rest : rest.substr(slash + 1));
    if (slash != rest.size() && initiator && responder) return Pairing{*initiator, *responder};
  }
  return Error(FormingErrc::not_for_us, policy::quote(purpose) + " is no pair of parties");
}

}  // namespace concordat::session
