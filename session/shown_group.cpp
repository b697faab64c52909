#include "session/shown_group.hpp"

#include "attest/base/cbor_fixed.hpp"
#include "attest/document.hpp"
#include "attest/mint.hpp"
#include "attest/verify.hpp"

namespace concordat::session {
namespace {

namespace cbor = base::cbor;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

// A document is made when a handshake begins; clocks of two parties may differ by so much.
constexpr std::chrono::milliseconds kSkew = attest::kDefaultMaxAge;

constexpr std::size_t kGroupItems = 3;
constexpr std::size_t kShownSeatItems = 2;

Error document_error(const DescriptorFields& fields, PartyIndex index, const std::string& why) {
  return Error(ReceiptErrc::document_differs, fields.name_of(index) + ": " + why);
}

// The document's purpose: it was made as either side of a handshake.
Result<peer::Statement> read_statement(const attest::VerifiedClaims& claims, bool& is_initiator) {
  auto items = attest::check_purpose(attest::Purpose::session_initiator, claims);
  is_initiator = items.has_value();
  if (!items) {
    CONCORDAT_TRY(items, attest::check_purpose(attest::Purpose::session_responder, claims));
  }
  if (items->count != peer::kStatementItems) {
    return Error(ReceiptErrc::document_differs, "another number of items");
  }
  return peer::decode_statement(items->encoded);
}

Status check_statement(const VerifiedDescriptor& descriptor, const RosterSeat& seat,
                       const attest::VerifiedClaims& claims) {
  const DescriptorFields& fields = descriptor.fields();
  bool is_initiator = false;
  CONCORDAT_TRY(const peer::Statement statement, read_statement(claims, is_initiator));
  if (statement.policy != peer::PolicyReference{0, descriptor.digest()}) {
    return document_error(fields, seat.index, "made for another session");
  }
  CONCORDAT_TRY(const Pairing pair, read_purpose(statement.purpose));
  if ((is_initiator ? pair.initiator : pair.responder) != seat.index ||
      statement.role != fields.party(seat.index)->role) {
    return document_error(fields, seat.index, "made for another seat");
  }
  CONCORDAT_TRY(const SeatClaim claim, read_seat(statement.extensions));
  if (claim.index != seat.index) return document_error(fields, seat.index, "another party's");
  if (claim.key != seat.key) return document_error(fields, seat.index, "another session key");
  if (claim.nonce != seat.nonce) return document_error(fields, seat.index, "another run nonce");
  return {};
}

Result<attest::VerifiedClaims> check_document(const VerifiedDescriptor& descriptor,
                                              const RosterSeat& seat, BytesView document,
                                              const attest::TrustAnchors& anchors) {
  const DescriptorFields& fields = descriptor.fields();
  CONCORDAT_TRY(const auto parsed, attest::UnverifiedDocument::parse(document));
  auto claims = attest::verify_archived(parsed, anchors, parsed.unverified().timestamp,
                                        attest::DebugDocuments::refuse);
  if (!claims) {
    return Error(claims.error().code(),
                 fields.name_of(seat.index) + ": " + claims.error().detail());
  }
  CONCORDAT_CHECK(check_statement(descriptor, seat, *claims));
  if (claims->pcr(attest::kAuthorityPcr) != seat.pcr16) {
    return document_error(fields, seat.index, "another PCR16");
  }
  if (claims->pcr(0) != seat.pcr0) return document_error(fields, seat.index, "another PCR0");
  if (claims->module_id() != seat.module_id) {
    return document_error(fields, seat.index, "another module id");
  }
  if (claims->timestamp() < fields.not_before - kSkew ||
      claims->timestamp() > fields.deadline + kSkew) {
    return Error(ReceiptErrc::outside_session, fields.name_of(seat.index) +
                                                   ": its document is of " +
                                                   base::format_rfc3339(claims->timestamp()));
  }
  return claims;
}

}  // namespace

void write_group(cbor::Writer& writer, const FormedSession& session) {
  writer.array(kGroupItems)
      .bytes(session.descriptor->envelope())
      .bytes(session.encoded_roster)
      .array(session.evidence.size());
  for (const auto& [index, seat] : session.evidence)
    writer.array(kShownSeatItems).bytes(seat.document).bytes(seat.signature.view());
}

Result<ShownGroup> read_group(cbor::Reader& reader) {
  ShownGroup out;
  CONCORDAT_CHECK(want_array(reader, kGroupItems));
  CONCORDAT_TRY(out.envelope, read_bytes(reader, limits::kEnvelopeBytes));
  CONCORDAT_TRY(out.roster, read_bytes(reader, limits::kRosterBytes));
  CONCORDAT_TRY(const std::size_t seats, reader.read_array(limits::kMaxParties));
  for (std::size_t i = 0; i < seats; ++i) {
    CONCORDAT_CHECK(want_array(reader, kShownSeatItems));
    SeatEvidence& seat = out.seats.emplace_back();
    CONCORDAT_TRY(seat.document, read_bytes(reader, attest::kMaxDocumentBytes));
    CONCORDAT_TRY(seat.signature, read_fixed<policy::Signature>(reader));
  }
  return out;
}

Result<VerifiedGroup> verify_group(const ShownGroup& shown,
                                   std::span<const attest::AuthorityDescriptor> authorities,
                                   const attest::TrustAnchors& anchors) {
  const auto take_any = [](std::string_view, BytesView, std::size_t, std::size_t) {
    return Status();  // what the protocol took is its result's business
  };
  VerifiedGroup out;
  CONCORDAT_TRY(out.descriptor, VerifiedDescriptor::verify(shown.envelope, authorities, take_any));
  const DescriptorFields& fields = out.descriptor->fields();
  CONCORDAT_TRY(out.roster, decode_roster(shown.roster));
  out.run = run_id(shown.roster);
  if (out.roster.descriptor != out.descriptor->digest()) return Error(ReceiptErrc::other_session);
  CONCORDAT_CHECK(check_roster(out.roster, fields));
  if (shown.seats.size() != out.roster.seats.size()) {
    return Error(ReceiptErrc::malformed, "evidence of another number of parties");
  }
  for (std::size_t i = 0; i < out.roster.seats.size(); ++i) {
    const RosterSeat& seat = out.roster.seats[i];
    CONCORDAT_TRY(attest::VerifiedClaims claims,
                  check_document(*out.descriptor, seat, shown.seats[i].document, anchors));
    out.claims.emplace(seat.index, std::move(claims));
    if (!policy::check_signature(shown.seats[i].signature, roster_message(shown.roster),
                                 seat.key)) {
      return Error(ReceiptErrc::not_signed, "the roster, by " + fields.name_of(seat.index));
    }
  }
  return out;
}

}  // namespace concordat::session
