// What the lab's workers have in common: the lab's NSM socket and the lab's root.
#pragma once

#include "deploy/enclave/surroundings.hpp"

namespace concordat::enclave {

// As a program's main, of that name and with that help.
[[nodiscard]] int run_lab_worker(int argc, char** argv, const char* name, const char* help,
                                 decltype(Surroundings::deviate) deviate = {});

}  // namespace concordat::enclave
