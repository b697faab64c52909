// The worker of the lab: the same objects, with the lab's NSM socket and the lab's root.
#include "attest/base/file.hpp"
#include "attest/custom_root.hpp"
#include "deploy/enclave/application.hpp"
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/worker.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"

namespace concordat::enclave {
namespace {

constexpr std::size_t kMaxRoot = 16 * 1024;

constexpr const char* kHelp =
    "concordat-worker-lab [-- APPLICATION [ARGUMENT...]]: the agent beside a worker's "
    "application.\n"
    "\n"
    "Runs inside an enclave image. Its configuration is the signed policy and the authority\n"
    "descriptor that its parent hands over, both checked against PCR16. Links to the custodians\n"
    "that its parent's setting custodians names (\"custodian,custodian-b\"; without it custodian)\n"
    "and serves keys, operations with them and attestation to the application by HTTP, on a Unix\n"
    "socket (lab/agent.sock) and, where its parent's setting agent_tcp says so, on\n"
    "loopback TCP; GET /v1/openapi.json describes it. The application is started once the socket\n"
    "listens, as an unprivileged user; when it ends, the agent ends with its exit status.\n"
    "Where its parent's setting sessions is \"on\" it takes part in sessions with other realms, as\n"
    "operators of purpose session-control order (concordat session run).\n"
    "\n"
    "Exit status without an application: 0 done, 2 refused (policy or evidence), 1 failed.\n"
    "\n"
    "Example (the command of an enclave image):\n"
    "  /concordat-worker-lab -- /usr/bin/payments --listen 8080\n";

int start(const std::vector<std::string>& application, base::Logger& log) {
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
  const Surroundings surroundings{**nsm, *anchors, peer::UnixEndpoint{lab::kParentSocket},
                                  peer::UnixEndpoint{lab::kInboundSocket},
                                  peer::UnixEndpoint{"lab/agent.sock"}};
  return run_worker(surroundings, application, log);
}

}  // namespace
}  // namespace concordat::enclave

int main(int argc, char** argv) {
  using namespace concordat;
  const auto application = enclave::application_of(argc, argv);
  if (!application) return *enclave::only_help(argc, argv, enclave::kHelp);
  base::Logger log("concordat-worker-lab");
  if (const auto prepared = enclave::prepare_process(); !prepared) {
    return enclave::exit_status(prepared.error(), log);
  }
  return enclave::start(*application, log);
}
