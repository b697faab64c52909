// cuse_nsm ROOT_DER: gives the test guest a /dev/nsm whose far end is the lab's software NSM under
// a PKI made at start, whose root certificate goes to ROOT_DER. Prints "ready" once the device
// exists.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

#include "attest/base/file.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "tests/vm/cuse_device.hpp"

namespace concordat::vm {
namespace {

using base::Error;
using base::Result;

// As an enclave in production mode has it: every measurement there, none of them zero.
lab::EnclaveIdentity identity() {
  lab::EnclaveIdentity identity;
  identity.role_arn = "arn:aws:iam::123456789012:role/guest";
  identity.pcr0 = lab::identity_pcr("image");
  identity.pcr1 = lab::identity_pcr("kernel");
  identity.pcr2 = lab::identity_pcr("application");
  return identity;
}

Error serve(const char* root_der) {
  auto pki = lab::Pki::create(base::system_wall_clock());
  if (!pki) return std::move(pki).error();
  if (auto written = base::write_file(root_der, (*pki)->root_der()); !written) {
    return std::move(written).error();
  }
  lab::SoftwareNsm module(**pki, identity(), base::system_wall_clock);
  const int cuse = ::open("/dev/cuse", O_RDWR | O_CLOEXEC);
  if (cuse < 0) return lab::system_error("open /dev/cuse (is module cuse loaded?)");
  Error ended = CuseDevice(cuse, module).run([] {
    std::puts("ready");
    std::fflush(stdout);
  });
  ::close(cuse);
  return ended;
}

}  // namespace
}  // namespace concordat::vm

int main(int argc, char** argv) {
  if (argc != 2 || std::string_view(argv[1]) == "--help") {
    std::fputs("usage: cuse_nsm ROOT_DER\nexample: cuse_nsm /run/lab_root.der (inside a guest)\n",
               argc == 2 ? stdout : stderr);
    return argc == 2 ? 0 : 1;
  }
  const concordat::base::Error error = concordat::vm::serve(argv[1]);
  std::fprintf(stderr, "cuse_nsm: %s\n", error.to_string().c_str());
  return 1;
}
