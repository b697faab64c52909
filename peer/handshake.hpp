// The two state machines of the handshake `concordat/1` (PROTOCOL.md sections 3 to 7). No socket,
// no clock, no device: frames, documents and time come in, bytes and orders go out.
//
//   initiator                                   responder
//     start                                       awaiting_hello
//       | send hello                                | hello: checks, keys, challenge
//     awaiting_reply                              minting
//       | reply: checks, admitted                   | document ready: send reply
//     minting                                     awaiting_confirm
//       | document (operator: signature) ready:     | confirm: checks, admitted: send accept
//       |   send confirm                          established
//     awaiting_accept
//       | accept [0]
//     established          any error: failed, keys wiped
#pragma once

#include <memory>
#include <optional>

#include "peer/channel.hpp"
#include "peer/judge.hpp"

namespace concordat::peer {

enum class HandshakeState {
  start,
  awaiting_hello,
  awaiting_reply,
  minting,
  awaiting_confirm,
  awaiting_accept,
  established,
  failed,
};
[[nodiscard]] std::string_view to_string(HandshakeState state) noexcept;

// What to do after a step that went well.
struct HandshakeAction {
  base::Bytes send;                           // write to the stream; may be empty
  std::optional<attest::MintRequest> mint{};  // ask the NSM and answer with on_document
  std::optional<base::Bytes> sign{};          // ask the operator's signer, answer with on_signature
};

// What both sides hold after the handshake. Each direction's key exists exactly once.
struct Established {
  Admitted peer;  // for an initiator always an enclave
  Extensions peer_extensions;
  Sealer sealer;
  Opener opener;
  base::SecretBytes exporter;
  TranscriptHash transcript;  // T3: names this channel in logs and audit
  base::Bytes peer_document;  // Judged::document
};

// What the two sides share: one peer each, failing once and for all, and the words that may still
// be said to the other side when it is over.
class Handshake {
 public:
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  [[nodiscard]] HandshakeState state() const noexcept { return state_; }
  // Frame types that the state lets in (section 7).
  [[nodiscard]] AllowedFrames allowed() const noexcept;
  // After a failure: the one frame that may be sent before closing, or empty.
  [[nodiscard]] const base::Bytes& farewell() const noexcept { return farewell_; }
  // After policy_differs: a signed envelope from the other side, to be offered to the policy store,
  // which trusts nothing but its signatures.
  [[nodiscard]] const base::Bytes& offered_policy() const noexcept { return offered_policy_; }
  // The policy that the other side says it holds; unauthenticated.
  [[nodiscard]] const std::optional<PolicyReference>& peer_policy() const noexcept {
    return peer_policy_;
  }
  // After a refusal: the genuine document of the enclave that was not admitted, or empty.
  [[nodiscard]] const base::Bytes& refused_document() const noexcept { return refused_document_; }
  // What the channel is for: of a responder, once the hello is taken.
  [[nodiscard]] const std::string& purpose() const noexcept { return purpose_; }
  // Once, in state established.
  [[nodiscard]] Established take_established() &&;

 protected:
  Handshake(HandshakeContext context, HandshakeState state);
  ~Handshake() = default;

  // Wipes every key, remembers the farewell, and passes the error on.
  base::Error fail(base::Error error, base::Bytes farewell = {});
  [[nodiscard]] base::Bytes refuse_frame(CoarseCode code, bool with_policy) const;
  // Section 6: takes note of the other side's policy; an error unless it is ours.
  [[nodiscard]] base::Status compare_policy(const PolicyReference& theirs);
  void note_refuse(const Refuse& refuse);
  [[nodiscard]] base::Result<base::Bytes> open_box(const KeyAndNonce& key,
                                                   base::BytesView box) const;
  [[nodiscard]] base::Bytes seal_box(const KeyAndNonce& key, base::BytesView plaintext) const;
  [[nodiscard]] ChannelLife channel_life() const;

  HandshakeContext context_;
  HandshakeState state_;
  std::string purpose_;
  std::optional<EphemeralKey> own_key_;
  std::optional<KeySchedule> keys_;
  Challenge own_challenge_;
  TranscriptHash transcript_;  // the latest of T1, T2, T3
  std::optional<Judged> judged_;
  base::Bytes refused_document_;
  std::optional<Sealer> sealer_;
  std::optional<Opener> opener_;
  base::SecretBytes exporter_;
  bool expects_policy_ = false;  // failed, and the other side may still hand its policy over

 private:
  base::Bytes farewell_;
  base::Bytes offered_policy_;
  std::optional<PolicyReference> peer_policy_;
};

// An enclave, which shows a document; or an operator (context.operator_key), which shows a
// signature of that key (section 3.3). All else is one.
class Initiator final : public Handshake {
 public:
  // `purpose`: what the channel is for; policy says which roles may play which side of it.
  Initiator(HandshakeContext context, std::string purpose);

  // The first frame. Once, in state start.
  [[nodiscard]] base::Result<HandshakeAction> start();
  [[nodiscard]] base::Result<HandshakeAction> on_frame(const Frame& frame, const Now& now);
  [[nodiscard]] base::Result<HandshakeAction> on_document(base::BytesView document, const Now& now);
  // What the operator's signer made of HandshakeAction::sign. One that does not verify (a faulty
  // token's) goes nowhere: bad_signature.
  [[nodiscard]] base::Result<HandshakeAction> on_signature(const policy::Signature& signature,
                                                           const Now& now);

  // Section 5, early records: between confirm and accept, at most 16,384 bytes in all, idempotent
  // requests only. Appends to `out`. Never an operator's: wrong_state.
  [[nodiscard]] base::Status seal_early(base::BytesView payload, const Now& now, base::Bytes& out);

 private:
  [[nodiscard]] HandshakeAction confirm(base::BytesView evidence, const Now& now);
  [[nodiscard]] base::Result<HandshakeAction> on_reply(const Frame& frame, const Now& now);
  [[nodiscard]] base::Result<HandshakeAction> on_accept(const Frame& frame, const Now& now);
  [[nodiscard]] base::Result<HandshakeAction> on_refuse(const Frame& frame, const Now& now);

  base::Bytes hello_frame_;
  Expected own_statement_;
  std::optional<KeyAndNonce> accept_key_;
  std::optional<KeyAndNonce> responder_key_;
  base::MonotonicMillis channel_start_;
  std::size_t early_bytes_ = 0;
};

class Responder final : public Handshake {
 public:
  explicit Responder(HandshakeContext context);

  [[nodiscard]] base::Result<HandshakeAction> on_frame(const Frame& frame, const Now& now);
  [[nodiscard]] base::Result<HandshakeAction> on_document(base::BytesView document, const Now& now);
  // True after policy_differs where the initiator holds the newer policy: one refuse frame may
  // follow; feed it to on_late_refuse.
  [[nodiscard]] bool expects_policy() const noexcept { return expects_policy_; }
  // Takes the initiator's envelope; offered_policy() has it afterwards.
  [[nodiscard]] base::Status on_late_refuse(const Frame& frame);

 private:
  [[nodiscard]] base::Result<HandshakeAction> on_hello(const Frame& frame, const Now& now);
  [[nodiscard]] base::Result<HandshakeAction> on_confirm(const Frame& frame, const Now& now);
  [[nodiscard]] base::Result<Judged> judge_shown(const Expected& expected, base::BytesView document,
                                                 const Now& now);
  [[nodiscard]] base::Result<Judged> judge_shown(const Expected& expected,
                                                 const OperatorProof& proof, const Now& now) const;
  [[nodiscard]] base::Error refuse_policy(base::Error error, const Now& now);
  // Whether this stranger is handed our policy, which is newer than theirs.
  [[nodiscard]] bool may_hand_over_policy(const Now& now) const;

  base::Bytes reply_clear_;
  PublicKey peer_key_;
};

}  // namespace concordat::peer
