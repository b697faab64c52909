#include "deploy/enclave/lab_world.hpp"

#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"

namespace concordat::enclave {
namespace {

constexpr std::size_t kMaxRoot = 16 * 1024;

}  // namespace

base::Result<LabWorld> LabWorld::enter() {
  CONCORDAT_TRY(auto nsm, lab::LabNsmSocket::connect());
  CONCORDAT_CHECK(lab::restrict_lab_nsm());
  CONCORDAT_TRY(const auto root, base::read_file(lab::kRootCertificate, kMaxRoot));
  CONCORDAT_TRY(auto anchors, attest::trust_anchors_from_root(root));
  return LabWorld(std::move(nsm), std::move(anchors));
}

Surroundings LabWorld::surroundings() const {
  return {*nsm_, anchors_, peer::UnixEndpoint{lab::kParentSocket},
          peer::UnixEndpoint{lab::kInboundSocket}, peer::UnixEndpoint{"lab/agent.sock"}};
}

}  // namespace concordat::enclave
