// Preprocessing (RFC 9591 section 5.1, for several signatures at once): one round, in which every
// party broadcasts the commitments of as many pairs of nonces as are asked for.
#pragma once

#include "session/protocols/frost/indices.hpp"
#include "session/protocols/frost/nonce_store.hpp"

namespace concordat::session::frost {

// Of one run: 64 KiB of commitments a party.
inline constexpr std::size_t kMaxBatch = 1024;

class Preprocessing final : public Protocol {
 public:
  // Any holders; those who sign later are among them. For `count` signatures, kMaxBatch at most.
  // `store` outlives the run. wrong_parties, wrong_share, no_nonces.
  [[nodiscard]] static base::Result<std::unique_ptr<Protocol>> begin(const Seat& seat,
                                                                     const Indices& indices,
                                                                     const KeyShare& share,
                                                                     std::size_t count,
                                                                     NonceStore& store);

  [[nodiscard]] Round rounds() const noexcept override { return 1; }
  [[nodiscard]] RoundShape shape(Round round) const noexcept override;
  [[nodiscard]] base::Result<Outgoing> send(Round round) override;
  [[nodiscard]] base::Status check_broadcast(Round round, PartyIndex from,
                                             base::BytesView broadcast) const override;
  [[nodiscard]] base::Status check_letter(
      Round round, PartyIndex from, PartyIndex to, const base::SecretBytes& letter,
      const std::map<PartyIndex, base::Bytes>& broadcasts) const override;
  [[nodiscard]] base::Status receive(Round round, Incoming incoming) override;
  // result: the BatchId, under which the store then has the nonces. Nothing is kept.
  [[nodiscard]] base::Result<Output> output() override;

 private:
  Preprocessing(const Seat& seat, Indices holders, std::vector<Nonces> nonces, NonceStore& store);

  base::Sha256Digest roster_;
  Indices holders_;
  std::size_t count_;
  std::vector<Nonces> nonces_;
  NonceStore& store_;
  BatchId id_;
};

}  // namespace concordat::session::frost
