#include "deploy/enclave/worker_lab.hpp"

#include "deploy/enclave/application.hpp"
#include "deploy/enclave/common.hpp"
#include "deploy/enclave/lab_world.hpp"
#include "deploy/enclave/worker.hpp"

namespace concordat::enclave {
int run_lab_worker(int argc, char** argv, const char* name, const char* help,
                   decltype(Surroundings::deviate) deviate) {
  const auto application = application_of(argc, argv);
  if (!application) return *only_help(argc, argv, help);
  base::Logger log(name);
  if (const auto prepared = prepare_process(); !prepared) {
    return exit_status(prepared.error(), log);
  }
  const auto world = LabWorld::enter();
  if (!world) return exit_status(world.error(), log);
  Surroundings surroundings = world->surroundings();
  surroundings.deviate = std::move(deviate);
  return run_worker(surroundings, *application, log);
}

}  // namespace concordat::enclave
