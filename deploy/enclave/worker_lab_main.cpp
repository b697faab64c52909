// The worker of the lab: the same objects, with the lab's NSM socket and the lab's root.
#include "deploy/enclave/worker_lab.hpp"

namespace {

constexpr const char* kHelp =
    "concordat-worker-lab [-- APPLICATION [ARGUMENT...]]: the agent beside a worker's "
    "application.\n"
    "\n"
    "Runs inside an enclave image. Its configuration is the signed policy and the authority\n"
    "descriptor that its parent hands over, both checked against PCR16. Links to the custodians\n"
    "that its parent's setting custodians names (\"custodian,custodian-b\"; without it custodian)\n"
    "and to those that are announced to it, and serves keys, operations with them and\n"
    "attestation to the application by HTTP, on a Unix\n"
    "socket (lab/agent.sock) that root and group 65534 may open and, where its parent's\n"
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
    "  /concordat-worker-lab -- /usr/bin/payments --listen 8080\n";

}  // namespace

int main(int argc, char** argv) {
  return concordat::enclave::run_lab_worker(argc, argv, "concordat-worker-lab", kHelp);
}
