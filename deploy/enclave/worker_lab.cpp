#include "deploy/enclave/worker_lab.hpp"

#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "deploy/enclave/application.hpp"
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/worker.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"

namespace concordat::enclave {
namespace {

constexpr std::size_t kMaxRoot = 16 * 1024;

int start(const std::vector<std::string>& application, decltype(Surroundings::deviate) deviate,
          base::Logger& log) {
  auto nsm = lab::LabNsmSocket::connect();
  if (!nsm) return exit_status(nsm.error(), log);
  // Before anything else runs in here, as in production.
  if (const auto restricted = lab::restrict_lab_nsm(); !restricted) {
    return exit_status(restricted.error(), log);
  }
  const auto root = base::read_file(lab::kRootCertificate, kMaxRoot);
  if (!root) return exit_status(root.error(), log);
  const auto anchors = attest::trust_anchors_from_root(*root);
  if (!anchors) return exit_status(anchors.error(), log);
  const Surroundings surroundings{**nsm,
                                  *anchors,
                                  peer::UnixEndpoint{lab::kParentSocket},
                                  peer::UnixEndpoint{lab::kInboundSocket},
                                  peer::UnixEndpoint{"lab/agent.sock"},
                                  {},
                                  std::move(deviate)};
  return run_worker(surroundings, application, log);
}

}  // namespace

int run_lab_worker(int argc, char** argv, const char* name, const char* help,
                   decltype(Surroundings::deviate) deviate) {
  const auto application = application_of(argc, argv);
  if (!application) return *only_help(argc, argv, help);
  base::Logger log(name);
  if (const auto prepared = prepare_process(); !prepared) {
    return exit_status(prepared.error(), log);
  }
  return start(*application, std::move(deviate), log);
}

}  // namespace concordat::enclave
