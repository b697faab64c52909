// The custodian of the lab: the same objects, with the lab's NSM socket and the lab's root.
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/custodian.hpp"
#include "deploy/enclave/lab_world.hpp"

namespace concordat::enclave {
namespace {

constexpr const char* kHelp =
    "concordat-custodian-lab: the custodian of a group of enclaves.\n"
    "\n"
    "Runs inside an enclave image and takes no options: its configuration is the signed policy\n"
    "and the authority descriptor that its parent hands over, both checked against PCR16.\n"
    "Where the policy pins no root it performs genesis and ends; otherwise it gets the root from\n"
    "another custodian that its parent's setting custodians names (\"custodian-b,custodian-c\"),\n"
    "or that is announced to it, and that the policy's purpose replica lets answer, or unseals it\n"
    "through AWS KMS, and serves until SIGTERM.\n"
    "\n"
    "Exit status: 0 done, 2 refused (policy, evidence or root), 1 failed.\n"
    "\n"
    "Example (the command of an enclave image):\n"
    "  /concordat-custodian-lab\n";

int start(base::Logger& log) {
  const auto world = LabWorld::enter();
  if (!world) return exit_status(world.error(), log);
  Surroundings surroundings = world->surroundings();
  surroundings.kms_authorities = "etc/ssl/certs/ca-certificates.crt";
  return run_custodian(surroundings, log);
}

}  // namespace
}  // namespace concordat::enclave

int main(int argc, char** argv) {
  using namespace concordat;
  if (const auto ended = enclave::only_help(argc, argv, enclave::kHelp)) return *ended;
  base::Logger log("concordat-custodian-lab");
  if (const auto prepared = enclave::prepare_process(); !prepared) {
    return enclave::exit_status(prepared.error(), log);
  }
  return enclave::start(log);
}
