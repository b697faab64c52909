// What one custodian tells another of the journal's head, whenever it is another one.
#pragma once

#include "keyservice/custody.hpp"
#include "peer/secure_stream_io.hpp"

namespace concordat::keyservice {

// One a channel.
class HeadTeller {
 public:
  // Sends what is news to the other side; what cannot be sent is an error of the channel.
  [[nodiscard]] base::Status tell(Custody& custody, peer::SecureStream& stream) {
    auto heads = custody.heads_for_custodians();
    if (heads.empty() || heads == told_) return {};
    for (const VouchedHead& head : heads)
      CONCORDAT_CHECK(stream.send(encode(head)));
    told_ = std::move(heads);
    return {};
  }

 private:
  std::vector<VouchedHead> told_;
};

}  // namespace concordat::keyservice
