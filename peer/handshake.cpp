#include "peer/handshake.hpp"

#include <array>

#include "peer/error.hpp"

namespace concordat::peer {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

std::string_view to_string(HandshakeState state) noexcept {
  static constexpr std::array<std::string_view, 8> names{
      "start",           "awaiting_hello", "awaiting_reply", "minting", "awaiting_confirm",
      "awaiting_accept", "established",    "failed"};
  return names[static_cast<std::size_t>(state)];
}

Handshake::Handshake(HandshakeContext context, HandshakeState state)
    : context_(std::move(context)), state_(state) {}

AllowedFrames Handshake::allowed() const noexcept {
  switch (state_) {
    case HandshakeState::awaiting_hello:
      return AllowedFrames(FrameType::hello);
    case HandshakeState::awaiting_reply:
      return AllowedFrames(FrameType::reply, FrameType::refuse);
    case HandshakeState::awaiting_confirm:
      return AllowedFrames(FrameType::confirm);
    case HandshakeState::awaiting_accept:
      return AllowedFrames(FrameType::accept);
    case HandshakeState::established:
      return AllowedFrames(FrameType::data, FrameType::close);
    case HandshakeState::failed:
      return expects_policy_ ? AllowedFrames(FrameType::refuse) : AllowedFrames();
    case HandshakeState::start:
    case HandshakeState::minting:
      break;
  }
  return AllowedFrames();
}

Error Handshake::fail(Error error, Bytes farewell) {
  state_ = HandshakeState::failed;
  farewell_ = std::move(farewell);
  own_key_.reset();
  keys_.reset();
  judged_.reset();
  sealer_.reset();
  opener_.reset();
  exporter_.wipe();
  return error;
}

Bytes Handshake::refuse_frame(CoarseCode code, bool with_policy) const {
  Refuse refuse{code, context_.reference(), {}};
  if (with_policy) refuse.envelope = context_.policy->envelope();
  return make_frame(FrameType::refuse, encode(refuse));
}

Status Handshake::compare_policy(const PolicyReference& theirs) {
  peer_policy_ = theirs;
  const PolicyReference ours = context_.reference();
  if (theirs == ours) return {};
  if (context_.session) {
    return Error(Errc::session_differs,
                 "ours has digest " + ours.digest.hex() + ", theirs " + theirs.digest.hex());
  }
  const bool conflict = theirs.serial == ours.serial;
  return Error(conflict ? Errc::policy_conflict : Errc::policy_differs,
               "ours has serial " + std::to_string(ours.serial) + ", theirs " +
                   std::to_string(theirs.serial) +
                   (conflict ? " with digest " + theirs.digest.hex() : ""));
}

void Handshake::note_refuse(const Refuse& refuse) {
  peer_policy_ = refuse.policy;
  offered_policy_ = refuse.envelope;
}

Result<Bytes> Handshake::open_box(const KeyAndNonce& key, BytesView box) const {
  if (box.size() < kAeadTagSize) return Error(Errc::box_does_not_open, "too short");
  Bytes plaintext(box.size() - kAeadTagSize);
  if (!Aead(key.key, Aead::Direction::open).open(key.nonce.view(), {}, box, plaintext)) {
    return Error(Errc::box_does_not_open);
  }
  return plaintext;
}

Bytes Handshake::seal_box(const KeyAndNonce& key, BytesView plaintext) const {
  Bytes box(plaintext.size() + kAeadTagSize);
  Aead(key.key, Aead::Direction::seal).seal(key.nonce.view(), {}, plaintext, box);
  return box;
}

ChannelLife Handshake::channel_life() const {
  const policy::ChannelLife& life = context_.policy->channel_life();
  // Clamped before the conversion, so that no policy value overflows a duration.
  const auto seconds = std::min<std::uint64_t>(
      life.seconds, static_cast<std::uint64_t>(
                        std::chrono::duration_cast<std::chrono::seconds>(kMaxChannelLife).count()));
  return ChannelLife{std::chrono::seconds(seconds), life.bytes, life.records}.clamped();
}

Established Handshake::take_established() && {
  return {std::move(judged_->peer),    std::move(judged_->extensions), *std::move(sealer_),
          *std::move(opener_),         std::move(exporter_),           transcript_,
          std::move(judged_->document)};
}

}  // namespace concordat::peer
