#include "peer/error.hpp"
#include "peer/handshake.hpp"

namespace concordat::peer {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

Initiator::Initiator(HandshakeContext context, std::string purpose)
    : Handshake(std::move(context), HandshakeState::start) {
  purpose_ = std::move(purpose);
}

Result<HandshakeAction> Initiator::start() {
  if (state_ != HandshakeState::start) return fail(Error(Errc::wrong_state, "start"));
  // Under a policy that is not usable too: the hello says nothing but which one that is, and the
  // answer may bring a newer one. Whoever has the same is not listened to (on_reply).
  if (context_.policy->minimum_protocol_version() > kProtocolVersion) {
    return fail(Error(Errc::version_not_spoken, "policy demands a newer version"));
  }
  own_key_.emplace(*context_.random);
  own_challenge_ = context_.random->make<Challenge>();
  const Hello hello{kProtocolVersion, own_key_->public_key(), own_challenge_, purpose_,
                    context_.reference()};
  hello_frame_ = make_frame(FrameType::hello, encode(hello));
  state_ = HandshakeState::awaiting_reply;
  return HandshakeAction{hello_frame_, {}};
}

Result<HandshakeAction> Initiator::on_frame(const Frame& frame, const Now& now) {
  if (state_ == HandshakeState::awaiting_reply && frame.type == FrameType::reply) {
    return on_reply(frame, now);
  }
  if (state_ == HandshakeState::awaiting_reply && frame.type == FrameType::refuse) {
    return on_refuse(frame, now);
  }
  if (state_ == HandshakeState::awaiting_accept && frame.type == FrameType::accept) {
    return on_accept(frame, now);
  }
  return fail(Error(Errc::unexpected_message, std::string(to_string(state_))));
}

Result<HandshakeAction> Initiator::on_reply(const Frame& frame, const Now& now) {
  if (Status usable = context_.policy_usable(now.wall); !usable) return fail(usable.error());
  auto reply = decode_reply(frame.body());
  if (!reply) return fail(reply.error());
  const ReplyFields& fields = reply->fields;
  if (Status same = compare_policy(fields.policy); !same) return fail(same.error());

  const PublicKey own_public = own_key_->public_key();
  auto shared = std::move(*own_key_).agree(fields.key);
  own_key_.reset();
  if (!shared) return fail(shared.error());
  keys_.emplace(std::move(*shared));
  const TranscriptHash t1 = transcript_1(hello_frame_, reply->clear);
  auto plaintext = open_box(keys_->box_1(t1), reply->box);
  if (!plaintext) return fail(plaintext.error());
  auto document = decode_responder_evidence(*plaintext);
  if (!document) return fail(document.error());
  auto judged = judge(context_, {policy::Side::responder, own_challenge_, fields.key, t1, purpose_},
                      *document, now.wall);
  if (!judged) return fail(judged.error());
  judged_ = *std::move(judged);

  transcript_ = transcript_2(t1, reply->box);
  own_statement_ = {policy::Side::initiator, fields.challenge, own_public, transcript_, purpose_};
  state_ = HandshakeState::minting;
  if (context_.operator_key) {
    return HandshakeAction{.send = {},
                           .sign = operator_message(*context_.operator_key, transcript_)};
  }
  return HandshakeAction{{}, own_document(context_, own_statement_)};
}

Result<HandshakeAction> Initiator::on_document(BytesView document, const Now& now) {
  if (state_ != HandshakeState::minting || context_.operator_key) {
    return fail(Error(Errc::wrong_state, "document"));
  }
  return confirm(encode_initiator_evidence(document), now);
}

Result<HandshakeAction> Initiator::on_signature(const policy::Signature& signature,
                                                const Now& now) {
  if (state_ != HandshakeState::minting || !context_.operator_key) {
    return fail(Error(Errc::wrong_state, "signature"));
  }
  const policy::SignerKey& key = *context_.operator_key;
  const Status verified =
      policy::check_signature(signature, operator_message(key, transcript_), key);
  if (!verified) return fail(verified.error());
  return confirm(encode_initiator_evidence(OperatorProof{key, signature}), now);
}

HandshakeAction Initiator::confirm(BytesView evidence, const Now& now) {
  const Bytes box = seal_box(keys_->box_2(transcript_), evidence);
  transcript_ = transcript_3(transcript_, box);
  FinalKeys final_keys = (*std::move(keys_)).finish(transcript_);
  keys_.reset();
  // Sending is ours from here, since we admitted the other side; receiving waits for its verdict.
  sealer_.emplace(std::move(final_keys.initiator), channel_life(), now.monotonic);
  accept_key_ = std::move(final_keys.accept);
  responder_key_ = std::move(final_keys.responder);
  exporter_ = std::move(final_keys.exporter);
  channel_start_ = now.monotonic;
  state_ = HandshakeState::awaiting_accept;
  return HandshakeAction{make_frame(FrameType::confirm, encode_box(box)), {}};
}

Status Initiator::seal_early(BytesView payload, const Now& now, Bytes& out) {
  if (state_ != HandshakeState::awaiting_accept || context_.operator_key) {
    return Error(Errc::wrong_state, "early record");
  }
  if (payload.size() > kMaxEarlyPlaintext - early_bytes_) return Error(Errc::early_limit);
  CONCORDAT_CHECK(sealer_->seal(payload, now.monotonic, out));
  early_bytes_ += payload.size();
  return {};
}

Result<HandshakeAction> Initiator::on_accept(const Frame& frame, const Now&) {
  auto box = decode_box(frame.body(), kMaxAcceptBody);
  if (!box) return fail(box.error());
  auto plaintext = open_box(*accept_key_, *box);
  if (!plaintext) return fail(plaintext.error());
  auto verdict = decode_verdict(*plaintext);
  if (!verdict) return fail(verdict.error());
  if (*verdict != CoarseCode::admitted) {
    return fail(Error(Errc::refused_by_peer, std::string(coarse_name(*verdict))));
  }
  opener_.emplace(*std::move(responder_key_), channel_life(), channel_start_);
  accept_key_.reset();
  responder_key_.reset();
  state_ = HandshakeState::established;
  return HandshakeAction{};
}

Result<HandshakeAction> Initiator::on_refuse(const Frame& frame, const Now& now) {
  auto refuse = decode_refuse(frame.body());
  if (!refuse) return fail(refuse.error());
  note_refuse(*refuse);
  const Status same = compare_policy(refuse->policy);
  if (refuse->code == CoarseCode::policy_differs && !same &&
      same.error().is(Errc::policy_differs)) {
    const bool ours_is_newer = refuse->policy.serial < context_.policy->serial();
    return fail(same.error(),
                ours_is_newer ? refuse_frame(CoarseCode::policy_differs, true) : Bytes());
  }
  if (refuse->code == CoarseCode::policy_conflict && !same) return fail(same.error());
  if (context_.session && !same) return fail(same.error());
  if (Status usable = context_.policy_usable(now.wall); !usable) return fail(usable.error());
  return fail(Error(Errc::refused_by_peer, std::string(coarse_name(refuse->code))));
}

}  // namespace concordat::peer
