#include "tests/peer/dialogue.hpp"

namespace concordat::peer {

using base::Bytes;
using base::Result;

namespace {

std::size_t index(Towards side) {
  return side == Towards::initiator ? 0 : 1;
}
Towards other(Towards side) {
  return side == Towards::initiator ? Towards::responder : Towards::initiator;
}

}  // namespace

Dialogue::Dialogue(test::TestWorld& world, test::TestEnclave& worker, test::TestEnclave& custodian,
                   std::uint64_t worker_serial, std::uint64_t custodian_serial)
    : world_(world),
      worker_(&worker),
      custodian_(custodian),
      contexts_{worker.context(worker_serial), custodian.context(custodian_serial)} {}

Dialogue::Dialogue(test::TestWorld& world, const policy::Signer& signer,
                   test::TestEnclave& custodian, std::uint64_t operator_serial,
                   std::uint64_t custodian_serial)
    : purpose(policy::kAdminPurpose),
      world_(world),
      signer_(&signer),
      custodian_(custodian),
      contexts_{test::operator_context(world, signer.public_key(), operator_serial),
                custodian.context(custodian_serial)} {
  contexts_[1].also_admit_operator = [](const auto&) { return base::Status(); };
}

void Dialogue::run() {
  initiator_ = std::make_unique<Initiator>(contexts_[0], purpose);
  responder_ = std::make_unique<Responder>(contexts_[1]);
  perform(Towards::initiator, initiator_->start());
  while (!queue_.empty()) {
    auto [to, bytes] = std::move(queue_.front());
    queue_.erase(queue_.begin());
    deliver(to, bytes);
  }
}

bool Dialogue::both_established() const {
  return initiator_->state() == HandshakeState::established &&
         responder_->state() == HandshakeState::established;
}

void Dialogue::send(Towards to, Bytes bytes) {
  const std::size_t number = frames_.size();
  frames_.push_back(bytes);
  std::vector<Bytes> delivered =
      relay ? relay(to, number, std::move(bytes)) : std::vector<Bytes>{std::move(bytes)};
  for (Bytes& part : delivered) {
    base::append(wire_, part);
    queue_.emplace_back(to, std::move(part));
  }
}

void Dialogue::deliver(Towards to, const Bytes& bytes) {
  FrameReader& reader = readers_[index(to)];
  reader.feed(bytes);
  for (;;) {
    Handshake& machine = to == Towards::initiator ? static_cast<Handshake&>(*initiator_)
                                                  : static_cast<Handshake&>(*responder_);
    if (machine.state() == HandshakeState::failed) return;
    const auto frame = reader.next(machine.allowed());
    if (!frame) {
      if (!errors_[index(to)]) errors_[index(to)] = frame.error();
      return;
    }
    if (!*frame) return;
    perform(to, step(to, **frame));
  }
}

Result<HandshakeAction> Dialogue::step(Towards at, const Frame& frame) {
  return at == Towards::initiator ? initiator_->on_frame(frame, world_.now())
                                  : responder_->on_frame(frame, world_.now());
}

void Dialogue::perform(Towards by, Result<HandshakeAction> action) {
  const Handshake& machine = by == Towards::initiator ? static_cast<Handshake&>(*initiator_)
                                                      : static_cast<Handshake&>(*responder_);
  if (!action) {
    if (!errors_[index(by)]) errors_[index(by)] = action.error();
    if (!machine.farewell().empty()) send(other(by), machine.farewell());
    return;
  }
  if (!action->send.empty()) send(other(by), std::move(action->send));
  if (action->mint) mint(by, *std::move(action->mint));
  if (action->sign) sign(*action->sign);
}

void Dialogue::sign(const Bytes& message) {
  const policy::Signature signature =
      signatures ? signatures(message) : signer_->sign(message).value();
  perform(Towards::initiator, initiator_->on_signature(signature, world_.now()));
}

void Dialogue::mint(Towards by, attest::MintRequest order) {
  if (orders) orders(by, order);
  Result<Bytes> document = (by == Towards::initiator ? *worker_ : custodian_).mint(order);
  if (documents) document = documents(by, *std::move(document));
  if (!document) {
    errors_[index(by)] = document.error();
    return;
  }
  perform(by, by == Towards::initiator ? initiator_->on_document(*document, world_.now())
                                       : responder_->on_document(*document, world_.now()));
}

}  // namespace concordat::peer
