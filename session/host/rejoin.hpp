// A later channel to a seat of a formed run, where the first one was cut: the handshake of forming
// once more (peer/PROTOCOL.md section 12), by the same session key and nonce, to the same enclave,
// and each side's first record is the roster that both have signed. No I/O.
//
// The other side may still be forming: then this channel brings it the roster that it waits for.
#pragma once

#include "session/forming.hpp"
#include "session/host/seat_channel.hpp"

namespace concordat::session::host {

// What a run brings to its later channels. Pointers outlive them.
struct RejoinTerms {
  const FormedSession* session = nullptr;
  policy::PolicySnapshot policy;  // in force now
  attest::PcrValue own_pcr16;
  const attest::TrustAnchors* anchors = nullptr;
  attest::ChainCache* chain_cache = nullptr;
  base::RandomSource* random = nullptr;
  // Whether a channel of this party is of use, and there is a token for its handshake.
  std::function<base::Status(PartyIndex)> wants;
};

class Rejoin {
 public:
  struct Step {
    base::Bytes send;
    std::optional<attest::MintRequest> mint;  // answer with on_document
  };

  // To `party`, or of whoever dials (0).
  Rejoin(RejoinTerms terms, PartyIndex party);
  Rejoin(const Rejoin&) = delete;
  Rejoin& operator=(const Rejoin&) = delete;

  // The first step, of whoever dials.
  [[nodiscard]] base::Result<Step> start();
  // After an error the stream is over; farewell() may be sent first. Of the handshake,
  // seat_differs, roster_differs, FormingErrc.
  [[nodiscard]] base::Result<Step> on_bytes(base::BytesView bytes, const peer::Now& now);
  [[nodiscard]] base::Result<Step> on_document(const base::Result<base::Bytes>& document,
                                               const peer::Now& now);
  [[nodiscard]] base::Bytes farewell() const;

  // Attested, and the roster came.
  [[nodiscard]] bool is_done() const noexcept { return done_; }
  // Once done; nobody's word before.
  [[nodiscard]] PartyIndex party() const noexcept { return party_; }
  [[nodiscard]] SeatChannel take() &&;

 private:
  [[nodiscard]] peer::HandshakeContext context();
  [[nodiscard]] base::Status serves(std::string_view purpose) const;
  [[nodiscard]] base::Result<policy::AdmittedPeer> admit(const peer::Statement& statement,
                                                         policy::Side side,
                                                         const attest::VerifiedClaims& claims);
  [[nodiscard]] peer::Handshake& handshake() const noexcept;
  [[nodiscard]] base::Status perform(base::Result<peer::HandshakeAction> action, Step& step,
                                     const peer::Now& now);
  [[nodiscard]] base::Status pump(Step& step, const peer::Now& now);
  [[nodiscard]] base::Status take_roster(const peer::Frame& frame, const peer::Now& now);

  RejoinTerms terms_;
  PartyIndex party_;
  std::unique_ptr<peer::Initiator> initiator_;
  std::unique_ptr<peer::Responder> responder_;
  peer::FrameReader reader_;
  std::optional<peer::Established> channel_;
  bool done_ = false;
};

}  // namespace concordat::session::host
