// Signing: RFC 9591 section 5, without a coordinator. Every signer aggregates.
//
//   1  broadcast  commitments to this party's two nonces
//   2  broadcast  its signature share
//
// With preprocessed nonces, whose commitments are known, there is the second round alone. Each
// share is checked by itself, so that a wrong one names its signer.
#pragma once

#include "session/protocols/frost/indices.hpp"
#include "session/protocols/frost/nonce_store.hpp"
#include "session/protocols/frost/signing_package.hpp"

namespace concordat::session::frost {

class Signing final : public Protocol {
 public:
  // The parties of `seat`, each with its share by `indices`, sign `message`, on which they agreed
  // before. wrong_parties, wrong_share.
  [[nodiscard]] static base::Result<std::unique_ptr<Protocol>> begin(
      const Seat& seat, const Indices& indices, std::shared_ptr<const KeyShare> share,
      base::Bytes message);
  // The same in one round. On batch and position, too, they agreed before: a party that takes
  // another is taken for one that signs wrongly.
  [[nodiscard]] static base::Result<std::unique_ptr<Protocol>> begin(
      const Seat& seat, const Indices& indices, std::shared_ptr<const KeyShare> share,
      base::Bytes message, Prepared prepared);

  [[nodiscard]] Round rounds() const noexcept override { return share_round_; }
  [[nodiscard]] RoundShape shape(Round round) const noexcept override;
  [[nodiscard]] base::Result<Outgoing> send(Round round) override;
  [[nodiscard]] base::Status check_broadcast(Round round, PartyIndex from,
                                             base::BytesView broadcast) const override;
  [[nodiscard]] base::Status check_letter(
      Round round, PartyIndex from, PartyIndex to, const base::SecretBytes& letter,
      const std::map<PartyIndex, base::Bytes>& broadcasts) const override;
  [[nodiscard]] base::Status receive(Round round, Incoming incoming) override;
  // result: the signature, 64 bytes. Nothing is kept: the share that signed is as it was.
  [[nodiscard]] base::Result<Output> output() override;

 private:
  Signing(Indices signers, std::shared_ptr<const KeyShare> share, base::Bytes message,
          Round share_round);
  [[nodiscard]] base::Status agree(const CommitmentList& commitments);
  [[nodiscard]] base::Status take_shares(const std::map<PartyIndex, base::Bytes>& shares);

  Indices signers_;
  std::shared_ptr<const KeyShare> share_;
  base::Bytes message_;  // until the package has it
  Round share_round_;
  std::optional<Nonces> nonces_;
  std::optional<SigningPackage> package_;
  Signature signature_;
};

}  // namespace concordat::session::frost
