#include "session/protocols/frost/nonce_store.hpp"

#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {

base::Result<Prepared> NonceStore::take(const BatchId& id, std::size_t position) {
  const auto batch = batches_.find(id);
  if (batch == batches_.end()) {
    return base::Error(Errc::no_nonces, "batch " + id.hex() + "; preprocess anew");
  }
  // Out of the store before anybody can use it.
  auto taken = batch->second.extract(position);
  if (batch->second.empty()) batches_.erase(batch);
  if (taken.empty()) {
    return base::Error(Errc::no_nonces,
                       "position " + std::to_string(position) + " of batch " + id.hex());
  }
  return std::move(taken.mapped());
}

void NonceStore::add(const BatchId& id, Batch batch) {
  std::erase_if(order_, [this](const BatchId& older) { return !batches_.contains(older); });
  if (order_.size() == kMaxBatches) {
    batches_.erase(order_.front());
    order_.pop_front();
  }
  batches_.emplace(id, std::move(batch));
  order_.push_back(id);
}

std::size_t NonceStore::left(const BatchId& id) const {
  const auto batch = batches_.find(id);
  return batch == batches_.end() ? 0 : batch->second.size();
}

}  // namespace concordat::session::frost
