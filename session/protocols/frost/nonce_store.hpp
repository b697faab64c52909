// Nonces that were made, and their commitments told to all, before there was a message: signing
// then takes one round.
//
// A nonce that is published before its message is known cannot be bound to it, so that whoever
// brings its state back to before a signature, and asks for another, has the key's share. Hence
// nonces are never encoded: they are in this object alone, in guarded memory of one enclave, and
// with its end they are gone. What is lost costs another preprocessing.
#pragma once

#include <deque>

#include "session/protocols/frost/nonces.hpp"

namespace concordat::session::frost {

// Which preprocessing: the result of its run, so that whoever names the same batch has the same
// commitments.
using BatchId = base::Sha256Digest;

// For one signature.
struct Prepared {
  Nonces nonces;
  CommitmentList commitments;  // of all who preprocessed
};

// Of runs that others ended, too, after their nonces were made.
inline constexpr std::size_t kMaxBatches = 16;

class NonceStore {
 public:
  NonceStore() = default;
  NonceStore(NonceStore&&) noexcept = default;
  NonceStore& operator=(NonceStore&&) noexcept = default;
  NonceStore(const NonceStore&) = delete;
  NonceStore& operator=(const NonceStore&) = delete;
  ~NonceStore() = default;

  // Positions of a batch count from 0. no_nonces: no such batch or position, or it was taken.
  [[nodiscard]] base::Result<Prepared> take(const BatchId& batch, std::size_t position);
  // Of this batch.
  [[nodiscard]] std::size_t left(const BatchId& batch) const;
  // After it there is no nonce of this batch.
  void forget(const BatchId& batch) { batches_.erase(batch); }

 private:
  friend class Preprocessing;
  // By position.
  using Batch = std::map<std::size_t, Prepared>;
  // The oldest goes when there are kMaxBatches: what a batch lost costs is another one.
  void add(const BatchId& id, Batch batch);

  std::map<BatchId, Batch> batches_;
  std::deque<BatchId> order_;  // as they were added, some of them gone
};

}  // namespace concordat::session::frost
