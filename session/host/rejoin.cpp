#include "session/host/rejoin.hpp"

#include "attest/base/cbor.hpp"
#include "attest/claims.hpp"
#include "peer/error.hpp"
#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

// What a party's first record is, at forming and on every later channel.
Bytes roster_record(const FormedSession& session, PartyIndex of) {
  base::cbor::Writer writer;
  writer.array(3)
      .uint(0)
      .bytes(session.encoded_roster)
      .bytes(session.evidence.at(of).signature.view());
  return std::move(writer).take();
}

}  // namespace

Rejoin::Rejoin(RejoinTerms terms, PartyIndex party) : terms_(std::move(terms)), party_(party) {
  if (party == 0) {
    responder_ = std::make_unique<peer::Responder>(context());
  } else {
    initiator_ = std::make_unique<peer::Initiator>(
        context(), handshake_purpose(terms_.session->self, party));
  }
}

peer::Handshake& Rejoin::handshake() const noexcept {
  return initiator_ ? static_cast<peer::Handshake&>(*initiator_) : *responder_;
}

peer::HandshakeContext Rejoin::context() {
  const FormedSession& session = *terms_.session;
  const RosterSeat& own = *session.roster.seat(session.self);
  peer::HandshakeContext out;
  out.policy = terms_.policy.policy;
  out.policy_confirmed = terms_.policy.confirmed;
  out.role = session.descriptor->fields().party(session.self)->role;
  out.own_pcr16 = terms_.own_pcr16;
  out.anchors = terms_.anchors;
  out.chain_cache = terms_.chain_cache;
  out.random = terms_.random;
  out.extensions = seat_extensions({own.index, own.key, own.nonce});
  out.peer_extensions = {kPartyExtension, kKeyExtension, kNonceExtension};
  out.session = peer::SessionTerms{
      {0, session.descriptor->digest()},
      [this](std::string_view purpose) { return serves(purpose); },
      [this](const peer::Statement& statement, policy::Side side,
             const attest::VerifiedClaims& claims) { return admit(statement, side, claims); }};
  return out;
}

Status Rejoin::serves(std::string_view purpose) const {
  const PartyIndex self = terms_.session->self;
  CONCORDAT_TRY(const Pairing pair, read_purpose(purpose));
  if (pair.responder != self || pair.initiator >= self) {
    const DescriptorFields& fields = terms_.session->descriptor->fields();
    return Error(FormingErrc::not_for_us, fields.name_of(pair.initiator) + " to " +
                                              fields.name_of(pair.responder) + "; this is " +
                                              fields.name_of(self));
  }
  return terms_.wants(pair.initiator);
}

// Policy as for any party, and the very seat that all have signed.
Result<policy::AdmittedPeer> Rejoin::admit(const peer::Statement& statement, policy::Side side,
                                           const attest::VerifiedClaims& claims) {
  const FormedSession& session = *terms_.session;
  const DescriptorFields& fields = session.descriptor->fields();
  CONCORDAT_TRY(const Pairing pair, read_purpose(statement.purpose));
  const PartyIndex index = side == policy::Side::initiator ? pair.initiator : pair.responder;
  CONCORDAT_TRY(const SeatClaim claim, read_seat(statement.extensions));
  const RosterSeat* const seat = session.roster.seat(index);
  if (seat == nullptr || index == session.self || claim.index != index ||
      statement.role != fields.party(index)->role) {
    return Error(FormingErrc::wrong_party, fields.name_of(claim.index));
  }
  const RosterSeat found{claim.index,
                         claim.key,
                         claim.nonce,
                         claims.pcr(attest::kAuthorityPcr).value_or(attest::PcrValue()),
                         claims.pcr(0).value_or(attest::PcrValue()),
                         claims.module_id()};
  if (found != *seat) return Error(Errc::seat_differs, fields.name_of(index));
  const PartyEntry& party = *fields.party(index);
  const policy::PartyQuestion question{fields.id,   fields.protocol,
                                       fields.party(session.self)->role,
                                       party.realm, party.role,
                                       party.authority, side};
  CONCORDAT_TRY(policy::AdmittedPeer admitted,
                policy::admit_party(*terms_.policy.policy, question, claims, terms_.own_pcr16));
  party_ = index;
  return admitted;
}

Result<Rejoin::Step> Rejoin::start() {
  Step out;
  CONCORDAT_TRY(peer::HandshakeAction action, initiator_->start());
  out.send = std::move(action.send);
  return out;
}

Result<Rejoin::Step> Rejoin::on_bytes(BytesView bytes, const peer::Now& now) {
  if (reader_.buffered() + bytes.size() > limits::kUnreadBytes) {
    return Error(FormingErrc::too_much_early);
  }
  reader_.feed(bytes);
  Step out;
  CONCORDAT_CHECK(pump(out, now));
  return out;
}

Result<Rejoin::Step> Rejoin::on_document(const Result<Bytes>& document, const peer::Now& now) {
  if (!document) return document.error();
  Step out;
  CONCORDAT_CHECK(perform(initiator_ ? initiator_->on_document(*document, now)
                                     : responder_->on_document(*document, now),
                          out, now));
  CONCORDAT_CHECK(pump(out, now));
  return out;
}

Bytes Rejoin::farewell() const {
  return channel_ ? Bytes() : handshake().farewell();
}

Status Rejoin::perform(Result<peer::HandshakeAction> action, Step& step, const peer::Now& now) {
  if (!action) return action.error();
  base::append(step.send, action->send);
  if (action->mint) step.mint = std::move(action->mint);
  if (handshake().state() != peer::HandshakeState::established) return {};
  channel_.emplace(initiator_ ? std::move(*initiator_).take_established()
                              : std::move(*responder_).take_established());
  return channel_->sealer.seal(roster_record(*terms_.session, terms_.session->self), now.monotonic,
                               step.send);
}

Status Rejoin::pump(Step& step, const peer::Now& now) {
  while (!done_) {
    if (!channel_ && handshake().state() == peer::HandshakeState::minting) return {};
    CONCORDAT_TRY(const auto frame,
                  reader_.next(channel_ ? peer::AllowedFrames(peer::FrameType::data)
                                        : handshake().allowed()));
    if (!frame) return {};
    if (channel_) {
      CONCORDAT_CHECK(take_roster(*frame, now));
    } else {
      CONCORDAT_CHECK(perform(initiator_ ? initiator_->on_frame(*frame, now)
                                         : responder_->on_frame(*frame, now),
                              step, now));
    }
  }
  return {};
}

// It signed one roster, and this party has it: anything else is another run's.
Status Rejoin::take_roster(const peer::Frame& frame, const peer::Now& now) {
  Bytes plaintext(frame.body().size());
  CONCORDAT_TRY(const std::size_t size, channel_->opener.open(frame, now.monotonic, plaintext));
  plaintext.resize(size);
  if (plaintext != roster_record(*terms_.session, party_)) {
    return Error(Errc::roster_differs, terms_.session->descriptor->fields().name_of(party_));
  }
  done_ = true;
  return {};
}

SeatChannel Rejoin::take() && {
  return {std::move(channel_->sealer), std::move(channel_->opener), std::move(reader_)};
}

}  // namespace concordat::session::host
