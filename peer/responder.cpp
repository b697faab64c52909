#include <algorithm>

#include "peer/error.hpp"
#include "peer/handshake.hpp"

namespace concordat::peer {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

namespace {

// Whether our role may answer this purpose at all (an operator has none); asked before any key or
// document is made.
Status check_served(const HandshakeContext& context, const std::string& purpose) {
  if (context.session) return context.session->serves(purpose);
  const policy::Purpose* known = context.policy->model().purpose(purpose);
  if (known == nullptr ||
      std::ranges::find(known->responder, context.role) == known->responder.end()) {
    return Error(Errc::purpose_not_served, "'" + purpose + "' by role '" + context.role + "'");
  }
  return {};
}

}  // namespace

Responder::Responder(HandshakeContext context)
    : Handshake(std::move(context), HandshakeState::awaiting_hello) {}

Result<HandshakeAction> Responder::on_frame(const Frame& frame, const Now& now) {
  if (state_ == HandshakeState::awaiting_hello && frame.type == FrameType::hello) {
    return on_hello(frame, now);
  }
  if (state_ == HandshakeState::awaiting_confirm && frame.type == FrameType::confirm) {
    return on_confirm(frame, now);
  }
  return fail(Error(Errc::unexpected_message, std::string(to_string(state_))));
}

bool Responder::may_hand_over_policy(const Now& now) const {
  return context_.envelope_bytes != nullptr &&
         context_.envelope_bytes->take(
             now.monotonic, static_cast<std::uint32_t>(context_.policy->envelope().size()));
}

Error Responder::refuse_policy(Error error, const Now& now) {
  const bool differs = error.is(Errc::policy_differs);
  const std::uint64_t ours = context_.policy->serial();
  expects_policy_ = differs && peer_policy()->serial > ours;
  const bool ours_is_newer = differs && peer_policy()->serial < ours;
  Bytes farewell = refuse_frame(coarse_code(error), ours_is_newer && may_hand_over_policy(now));
  return fail(std::move(error), std::move(farewell));
}

Result<HandshakeAction> Responder::on_hello(const Frame& frame, const Now& now) {
  const auto refuse = [this](Error error) {
    Bytes farewell = refuse_frame(coarse_code(error), false);
    return fail(std::move(error), std::move(farewell));
  };
  auto hello = decode_hello(frame.body());
  if (!hello) return refuse(hello.error());
  const std::uint64_t least = context_.policy->minimum_protocol_version();
  if (hello->version != kProtocolVersion || hello->version < least) {
    return refuse(Error(Errc::version_not_spoken, "version " + std::to_string(hello->version)));
  }
  // First: a newer policy is taken from whoever has it, even when ours is not usable any more.
  if (Status same = compare_policy(hello->policy); !same) return refuse_policy(same.error(), now);
  if (Status usable = context_.policy_usable(now.wall); !usable) return refuse(usable.error());
  if (Status served = check_served(context_, hello->purpose); !served) {
    return refuse(served.error());
  }

  purpose_ = hello->purpose;
  peer_key_ = hello->key;
  own_key_.emplace(*context_.random);
  own_challenge_ = context_.random->make<Challenge>();
  const PublicKey own_public = own_key_->public_key();
  auto shared = std::move(*own_key_).agree(peer_key_);
  own_key_.reset();
  if (!shared) return refuse(shared.error());
  keys_.emplace(std::move(*shared));
  reply_clear_ = encode(ReplyFields{own_public, own_challenge_, context_.reference()});
  transcript_ = transcript_1(frame.whole, reply_clear_);
  state_ = HandshakeState::minting;
  return HandshakeAction{{},
                         own_document(context_, {policy::Side::responder, hello->challenge,
                                                 own_public, transcript_, purpose_})};
}

Result<HandshakeAction> Responder::on_document(BytesView document, const Now&) {
  if (state_ != HandshakeState::minting) return fail(Error(Errc::wrong_state, "document"));
  const Bytes box = seal_box(keys_->box_1(transcript_), encode_responder_evidence(document));
  transcript_ = transcript_2(transcript_, box);
  state_ = HandshakeState::awaiting_confirm;
  return HandshakeAction{make_frame(FrameType::reply, encode_reply(reply_clear_, box)), {}};
}

Result<Judged> Responder::judge_shown(const Expected& expected, BytesView document,
                                      const Now& now) {
  return judge(context_, expected, document, now.wall, &refused_document_);
}

Result<Judged> Responder::judge_shown(const Expected& expected, const OperatorProof& proof,
                                      const Now& now) const {
  return judge(context_, expected, proof, now.wall);
}

Result<HandshakeAction> Responder::on_confirm(const Frame& frame, const Now& now) {
  auto box = decode_box(frame.body(), kMaxEvidenceBody);
  if (!box) return fail(box.error());
  // Until this opens nothing of the message is looked at: whoever does not know Z costs us no
  // P-384 verification. No answer either: there is nobody to whom T3 could be confirmed.
  auto plaintext = open_box(keys_->box_2(transcript_), *box);
  if (!plaintext) return fail(plaintext.error());
  const Expected expected{policy::Side::initiator, own_challenge_, peer_key_, transcript_,
                          purpose_};
  const auto evidence = decode_initiator_evidence(*plaintext);
  auto judged =
      evidence ? std::visit([&](const auto& shown) { return judge_shown(expected, shown, now); },
                            *evidence)
               : Result<Judged>(evidence.error());
  transcript_ = transcript_3(transcript_, *box);
  FinalKeys final_keys = (*std::move(keys_)).finish(transcript_);
  keys_.reset();
  const auto accept = [&](CoarseCode code) {
    return make_frame(FrameType::accept,
                      encode_box(seal_box(final_keys.accept, encode_verdict(code))));
  };
  if (!judged) {
    // Admissible, but not now: the one refusal by policy that passes.
    const bool full = judged.error().is(policy::AdmissionErrc::role_full);
    return fail(judged.error(), accept(full ? CoarseCode::busy : coarse_code(judged.error())));
  }
  refused_document_ = {};
  judged_ = *std::move(judged);
  sealer_.emplace(std::move(final_keys.responder), channel_life(), now.monotonic);
  opener_.emplace(std::move(final_keys.initiator), channel_life(), now.monotonic);
  exporter_ = std::move(final_keys.exporter);
  state_ = HandshakeState::established;
  return HandshakeAction{accept(CoarseCode::admitted), {}};
}

Status Responder::on_late_refuse(const Frame& frame) {
  if (!expects_policy_ || frame.type != FrameType::refuse) {
    return Error(Errc::unexpected_message, "after a refusal");
  }
  expects_policy_ = false;
  CONCORDAT_TRY(const Refuse refuse, decode_refuse(frame.body()));
  note_refuse(refuse);
  return {};
}

}  // namespace concordat::peer
