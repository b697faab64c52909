// cuse_nsm ROOT_DER DEVICE=IMAGE...: gives the test guest a /dev/DEVICE for each enclave that it is
// to play. Behind each is a software NSM of the lab that measures the test realm's IMAGE; all sign
// under one PKI, made at start, whose root certificate goes to ROOT_DER. Prints "ready" once the
// devices exist.
#include <fcntl.h>
#include <sys/stat.h>

#include <cstdio>
#include <latch>
#include <thread>

#include "attest/base/descriptor.hpp"
#include "attest/base/file.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/vm/cuse_device.hpp"

namespace concordat::vm {
namespace {

using base::Error;
using base::Result;

struct Enclave {
  std::string device;
  std::string image;
};

// As an enclave in production mode has it: none of the measurements zero.
lab::EnclaveIdentity identity_of(const Enclave& enclave) {
  lab::EnclaveIdentity identity;
  identity.role_arn = test::kAccount;
  identity.pcr0 = test::image_pcr(enclave.image, 0);
  identity.pcr1 = test::image_pcr(enclave.image, 1);
  identity.pcr2 = test::image_pcr(enclave.image, 2);
  return identity;
}

Error serve(const Enclave& enclave, lab::Pki& pki, std::latch& ready) {
  const base::Descriptor cuse(::open("/dev/cuse", O_RDWR | O_CLOEXEC));
  if (!cuse.open()) return lab::system_error("open /dev/cuse (is module cuse loaded?)");
  lab::SoftwareNsm module(pki, identity_of(enclave), base::system_wall_clock);
  return CuseDevice(cuse.get(), enclave.device, module).run([&] {
    // The mode that drivers/misc/nsm.c gives its device.
    if (::chmod(("/dev/" + enclave.device).c_str(), 0666) != 0) std::perror("cuse_nsm: chmod");
    ready.count_down();
  });
}

[[noreturn]] void die(const Error& error) {
  std::fprintf(stderr, "cuse_nsm: %s\n", error.to_string().c_str());
  std::_Exit(1);
}

[[noreturn]] void serve_all(const char* root_der, const std::vector<Enclave>& enclaves) {
  const auto pki = lab::Pki::create(base::system_wall_clock());
  if (!pki) die(pki.error());
  if (auto written = base::write_file(root_der, (*pki)->root_der()); !written) {
    die(written.error());
  }
  std::latch ready(static_cast<std::ptrdiff_t>(enclaves.size()));
  std::vector<std::jthread> threads;
  for (const Enclave& enclave : enclaves) {
    threads.emplace_back([&] { die(serve(enclave, **pki, ready)); });
  }
  ready.wait();
  std::puts("ready");
  std::fflush(stdout);
  for (std::jthread& thread : threads)
    thread.join();
  std::_Exit(1);
}

std::vector<Enclave> parse(std::span<char*> arguments) {
  std::vector<Enclave> enclaves;
  for (const std::string_view argument : arguments) {
    const std::size_t equals = argument.find('=');
    if (equals == 0 || equals == argument.npos) return {};
    enclaves.push_back(
        {std::string(argument.substr(0, equals)), std::string(argument.substr(equals + 1))});
  }
  return enclaves;
}

}  // namespace
}  // namespace concordat::vm

int main(int argc, char** argv) {
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  const auto enclaves = concordat::vm::parse(arguments.subspan(std::min(argc, 2)));
  if (enclaves.empty()) {
    const bool help = argc == 2 && std::string_view(argv[1]) == "--help";
    std::fputs(
        "usage: cuse_nsm ROOT_DER DEVICE=IMAGE...\n"
        "example: cuse_nsm /run/lab_root.der nsm=custodian-1   (inside a guest)\n",
        help ? stdout : stderr);
    return help ? 0 : 1;
  }
  concordat::vm::serve_all(argv[1], enclaves);
}
