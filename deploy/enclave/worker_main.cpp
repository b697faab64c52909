// The worker as it runs on EC2: /dev/nsm, vsock, AWS's roots and no others.
#include "attest/nsm_device.hpp"
#include "deploy/enclave/application.hpp"
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/worker.hpp"

namespace concordat::enclave {
namespace {

constexpr const char* kHelp =
    "concordat-worker [-- APPLICATION [ARGUMENT...]]: the agent beside a worker's application.\n"
    "\n"
    "Runs inside an enclave image. Its configuration is the signed policy and the authority\n"
    "descriptor that its parent hands over, both checked against PCR16. Links to the custodians\n"
    "that its parent's setting custodians names (\"custodian,custodian-b\"; without it custodian)\n"
    "and to those that are announced to it, and serves keys, operations with them and\n"
    "attestation to the application by HTTP, on a Unix\n"
    "socket (/run/concordat/agent.sock) that root and group 65534 may open and, where its "
    "parent's\n"
    "setting agent_tcp says so, on loopback TCP, which every process in the enclave may reach;\n"
    "GET /v1/openapi.json describes it. The application is started once the socket listens, as\n"
    "user and group 65534; when it ends, the agent ends with its exit status.\n"
    "Where its parent's setting sessions is \"on\" it takes part in sessions with other realms, "
    "as\n"
    "operators of purpose session-control order (concordat session run).\n"
    "\n"
    "Exit status without an application: 0 done, 2 refused (policy or evidence), 1 failed.\n"
    "\n"
    "Example (the command of an enclave image):\n"
    "  /concordat-worker -- /usr/bin/payments --listen 8080\n";

int start(const std::vector<std::string>& application, base::Logger& log) {
  auto device = attest::NsmDevice::open();
  if (!device) return exit_status(device.error(), log);
  // Before anything else runs in here: the driver makes the device for everybody.
  if (const auto restricted = attest::restrict_device(); !restricted) {
    return exit_status(restricted.error(), log);
  }
  const Surroundings surroundings{*device, attest::TrustAnchors::aws(),
                                  peer::VsockEndpoint{peer::kParentContextId, kRelayPort},
                                  peer::VsockEndpoint{peer::kVsockAnyContextId, kInboundPort},
                                  peer::UnixEndpoint{"/run/concordat/agent.sock"}};
  return run_worker(surroundings, application, log);
}

}  // namespace
}  // namespace concordat::enclave

int main(int argc, char** argv) {
  using namespace concordat;
  const auto application = enclave::application_of(argc, argv);
  if (!application) return *enclave::only_help(argc, argv, enclave::kHelp);
  base::Logger log("concordat-worker");
  if (const auto prepared = enclave::prepare_process(); !prepared) {
    return enclave::exit_status(prepared.error(), log);
  }
  return enclave::start(*application, log);
}
