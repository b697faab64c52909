// What an enclave's program has around it in the lab: the lab's NSM socket and the lab's root,
// where a production program has the device and AWS's.
#pragma once

#include "deploy/enclave/surroundings.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"

namespace concordat::enclave {

class LabWorld {
 public:
  // Connects to the NSM and restricts it, before anything else runs in here, as in production.
  [[nodiscard]] static base::Result<LabWorld> enter();
  // Lives no longer than this, and this stays where it is.
  [[nodiscard]] Surroundings surroundings() const;

 private:
  LabWorld(std::unique_ptr<lab::LabNsmSocket> nsm, attest::TrustAnchors anchors)
      : nsm_(std::move(nsm)), anchors_(std::move(anchors)) {}

  std::unique_ptr<lab::LabNsmSocket> nsm_;
  attest::TrustAnchors anchors_;
};

}  // namespace concordat::enclave
