// A whole handshake between two state machines in memory, with a relay in the middle that may do
// anything to any message: the test's hook sees each frame with its number and changes, drops,
// repeats or replaces it.
#pragma once

#include <functional>
#include <vector>

#include "peer/handshake.hpp"
#include "tests/support/party_fixture.hpp"

namespace concordat::peer {

enum class Towards { responder, initiator };

using Frames = std::vector<base::Bytes>;
// What the relay delivers instead of the frame it saw; the frame itself when it is honest.
using RelayHook = std::function<Frames(Towards, std::size_t number, base::Bytes)>;
// What a side asks its NSM for; a test may have it ask for something else.
using OrderHook = std::function<void(Towards from, attest::MintRequest&)>;
// Stands for the signature that an operator's signer made; a test may have another one made.
using SignatureHook = std::function<policy::Signature(const base::Bytes& message)>;
// Stands for each document that an NSM made; a test may tamper with it.
using DocumentHook = std::function<base::Result<base::Bytes>(Towards from, base::Bytes)>;

class Dialogue {
 public:
  Dialogue(test::TestWorld& world, test::TestEnclave& worker, test::TestEnclave& custodian,
           std::uint64_t worker_serial = 1, std::uint64_t custodian_serial = 1);
  // An operator in place of the worker, for purpose "admin", at a custodian that serves operators.
  Dialogue(test::TestWorld& world, const policy::Signer& signer, test::TestEnclave& custodian,
           std::uint64_t operator_serial = 1, std::uint64_t custodian_serial = 1);

  RelayHook relay;
  OrderHook orders;
  DocumentHook documents;
  SignatureHook signatures;
  std::string purpose = "keys";

  // What a side brings, to be changed before run().
  HandshakeContext& context(Towards side) { return contexts_[side == Towards::initiator ? 0 : 1]; }
  // Runs until both are established, or nothing moves any more.
  void run();

  Initiator& initiator() { return *initiator_; }
  Responder& responder() { return *responder_; }
  [[nodiscard]] bool both_established() const;
  [[nodiscard]] const std::optional<base::Error>& initiator_error() const { return errors_[0]; }
  [[nodiscard]] const std::optional<base::Error>& responder_error() const { return errors_[1]; }
  // Everything that crossed the relay, both ways.
  [[nodiscard]] const base::Bytes& wire() const { return wire_; }
  // Frames as their senders sent them, in order.
  [[nodiscard]] const Frames& frames() const { return frames_; }

 private:
  void send(Towards to, base::Bytes bytes);
  void deliver(Towards to, const base::Bytes& bytes);
  void perform(Towards by, base::Result<HandshakeAction> action);
  void mint(Towards by, attest::MintRequest order);
  void sign(const base::Bytes& message);
  [[nodiscard]] base::Result<HandshakeAction> step(Towards at, const Frame& frame);

  test::TestWorld& world_;
  test::TestEnclave* worker_ = nullptr;  // or else signer_
  const policy::Signer* signer_ = nullptr;
  test::TestEnclave& custodian_;
  HandshakeContext contexts_[2];
  std::unique_ptr<Initiator> initiator_;
  std::unique_ptr<Responder> responder_;
  FrameReader readers_[2];
  std::optional<base::Error> errors_[2];
  std::vector<std::pair<Towards, base::Bytes>> queue_;
  base::Bytes wire_;
  Frames frames_;
};

// Whom it admitted, as an enclave; fails the test for an operator.
inline const policy::AdmittedPeer& enclave_of(const Established& established) {
  return std::get<policy::AdmittedPeer>(established.peer);
}

}  // namespace concordat::peer
