#include "session/proof.hpp"

#include "attest/base/cbor_fixed.hpp"
#include "session/messaging/judging.hpp"
#include "session/messaging/outcome.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using messaging::BadBroadcast;
using messaging::BadLetter;
using messaging::Evidence;
namespace cbor = base::cbor;

constexpr std::string_view kProofDomain = "concordat/session-proof/1";
constexpr std::size_t kProofItems = 4;

struct ProofFields {
  ShownGroup group;
  messaging::Transcript transcript;
  Evidence evidence;
};

Result<ProofFields> read_proof(BytesView encoded) {
  if (encoded.size() > limits::kProofBytes) return Error(cbor::Errc::too_large);
  cbor::Reader reader(encoded);
  CONCORDAT_CHECK(want_array(reader, kProofItems));
  CONCORDAT_TRY(const std::string_view domain, reader.read_text(kProofDomain.size()));
  if (domain != kProofDomain) return Error(cbor::Errc::malformed, "another domain");
  ProofFields out;
  CONCORDAT_TRY(out.group, read_group(reader));
  const std::size_t seats = out.group.seats.size();
  CONCORDAT_TRY(out.transcript, messaging::read_transcript(reader, seats));
  CONCORDAT_TRY(const BytesView evidence, reader.read_bytes(limits::kProofBytes));
  CONCORDAT_TRY(out.evidence, messaging::decode_evidence(evidence, seats));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

// Judges one proof by the keys of its group.
class Outsider {
 public:
  Outsider(const VerifiedGroup& group, const messaging::Transcript& transcript)
      : fields_(group.descriptor->fields()), transcript_(transcript), statements_(group.run) {
    seat_.threshold = fields_.threshold;
    seat_.roster = group.run;
    for (const RosterSeat& seat : group.roster.seats) {
      keys_.emplace(seat.index, seat.key);
      seat_.parties.push_back(seat.index);
    }
  }

  // The guilty one.
  Result<PartyIndex> judge(const Evidence& evidence, const Watch& watch) {
    if (const Status seats = judge_.check_seats(evidence); !seats) return nobody(seats.error());
    if (const auto* it = std::get_if<messaging::Equivocation>(&evidence)) {
      const Status signed_twice = judge_.check_equivocation(*it);
      return signed_twice ? Result<PartyIndex>(it->party) : nobody(signed_twice.error());
    }
    if (const Status by = judge_.check_accuser(evidence); !by) return nobody(by.error());
    if (const auto* it = std::get_if<BadBroadcast>(&evidence)) return judge_accusation(*it, watch);
    return judge_accusation(std::get<BadLetter>(evidence), watch);
  }

 private:
  static Error nobody(const Error& why) {
    return Error(ProofErrc::convicts_nobody, why.to_string());
  }

  template <class Accusation>
  Result<PartyIndex> judge_accusation(const Accusation& it, const Watch& watch) {
    if (!judge_.is_founded(it)) return it.accuser;
    CONCORDAT_TRY(const auto protocol, watch(fields_.protocol, fields_.parameters, seat_));
    if (it.round > protocol->rounds()) return Error(ProofErrc::convicts_nobody, "no such round");
    CONCORDAT_CHECK(check_transcript(it.round, std::is_same_v<Accusation, BadLetter>));
    for (Round round = 1; round < it.round; ++round) {
      Incoming incoming;
      CONCORDAT_TRY(incoming.broadcasts, checked(*protocol, round));
      CONCORDAT_CHECK(protocol->receive(round, std::move(incoming)));
    }
    CONCORDAT_TRY(const bool is_right, is_right_message(*protocol, it));
    return is_right ? it.accuser : it.accused;
  }

  // Every party, the one that is judged among them, said that these are what it saw.
  Status check_transcript(Round round, bool is_letter) const {
    const std::size_t wanted = is_letter ? round : round - 1;
    if (transcript_.size() < wanted) {
      return Error(ProofErrc::incomplete,
                   std::to_string(transcript_.size()) + " rounds of " + std::to_string(wanted));
    }
    if (transcript_.size() > wanted) return Error(ProofErrc::malformed, "rounds beyond its own");
    for (Round seen = 1; seen <= wanted; ++seen) {
      const messaging::SeenRound& one = transcript_[seen - 1];
      if (one.bodies.size() == keys_.size() &&
          judge_.are_echoes(seen, messaging::vector_of(one.bodies), one.echoes)) {
        continue;
      }
      return Error(ProofErrc::broadcasts_differ, "of round " + std::to_string(seen));
    }
    return {};
  }

  // By index, as parties took them in: what follows may rely on their checks.
  Result<std::map<PartyIndex, Bytes>> checked(const Protocol& protocol, Round round) const {
    std::map<PartyIndex, Bytes> out;
    for (std::size_t i = 0; i < seat_.parties.size(); ++i) {
      const PartyIndex from = seat_.parties[i];
      const Bytes& body = transcript_[round - 1].bodies[i];
      if (!passes(protocol, round, from, body)) {
        return Error(ProofErrc::convicts_nobody, "all parties took a broadcast of round " +
                                                     std::to_string(round) +
                                                     " that fails its check");
      }
      out.emplace(from, body);
    }
    return out;
  }

  static bool passes(const Protocol& protocol, Round round, PartyIndex from, const Bytes& body) {
    return body.size() <= protocol.shape(round).broadcast &&
           protocol.check_broadcast(round, from, body);
  }

  Result<bool> is_right_message(const Protocol& protocol, const BadBroadcast& it) const {
    return passes(protocol, it.round, it.accused, it.body);
  }
  Result<bool> is_right_message(const Protocol& protocol, const BadLetter& it) const {
    const messaging::SeenRound& last = transcript_[it.round - 1];
    if (messaging::vector_of(last.bodies) != it.vector) {
      return Error(ProofErrc::broadcasts_differ, "of the letter's round");
    }
    CONCORDAT_TRY(const auto broadcasts, checked(protocol, it.round));
    Bytes copy = it.body;
    const base::SecretBytes letter = base::SecretBytes::take(copy);
    return letter.size() <= protocol.shape(it.round).letter &&
           protocol.check_letter(it.round, it.accused, it.accuser, letter, broadcasts).has_value();
  }

  const DescriptorFields& fields_;
  const messaging::Transcript& transcript_;
  messaging::Statements statements_;
  messaging::Judge::Keys keys_;
  messaging::Judge judge_{statements_, keys_};
  Seat seat_;
};

}  // namespace

Bytes make_proof(const FormedSession& session, const messaging::Transcript& transcript,
                 const Evidence& evidence) {
  cbor::Writer writer;
  writer.array(kProofItems).text(kProofDomain);
  write_group(writer, session);
  messaging::write_transcript(writer, transcript);
  writer.bytes(messaging::encode(evidence));
  return std::move(writer).take();
}

Result<VerifiedProof> verify_proof(BytesView proof,
                                   std::span<const attest::AuthorityDescriptor> authorities,
                                   const attest::TrustAnchors& anchors, const Watch& watch) {
  const auto read = read_proof(proof);
  if (!read) return Error(ProofErrc::malformed, read.error().to_string());
  auto group = verify_group(read->group, authorities, anchors);
  if (!group) return Error(ProofErrc::group_refused, group.error().to_string());
  VerifiedProof out;
  out.group = *std::move(group);
  CONCORDAT_TRY(out.guilty, Outsider(out.group, read->transcript).judge(read->evidence, watch));
  out.round = messaging::round_of(read->evidence);
  out.what = messaging::to_string(out.guilty, {read->evidence});
  return out;
}

}  // namespace concordat::session
