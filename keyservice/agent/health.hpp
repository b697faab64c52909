// What the agent says of itself and its surroundings. Facts are handed in; no I/O.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attest/base/error.hpp"
#include "attest/base/secret.hpp"
#include "policy/policy.hpp"

namespace concordat::keyservice::agent {

// What the NSM last said of this enclave.
struct NsmFacts {
  bool debug = true;  // PCR0, PCR1 or PCR2 is zero
  std::string module_id;
};
// What the operating system says.
struct ProcessFacts {
  unsigned user = 0, effective_user = 0;
  bool dumpable = true;
  std::uint64_t locked_bytes = 0;
  std::optional<std::uint64_t> lockable_bytes;  // nullopt: without limit
};
struct SocketFacts {
  std::string path;
  bool is_socket = false;
  unsigned owner = 0;
  unsigned mode = 0;
};

struct Facts {
  std::string version;  // of the program
  base::Result<NsmFacts> nsm = base::Error();
  ProcessFacts process;
  // The effective user of the application that the agent started; nullopt: it started none.
  std::optional<base::Result<unsigned>> application_user;
  std::vector<SocketFacts> sockets;
  base::SecretMemoryStatus memory;
  base::Result<base::UnixMillis> now = base::Error();
  std::optional<std::chrono::milliseconds> anchor_age;
  base::Result<policy::PolicyPtr> policy = base::Error();  // usable now, or why not
  policy::PolicyPtr latest;                                // whatever is in force
  std::optional<base::UnixMillis> confirmed;               // it, by its newest freshness statement
  base::Status custodian;                                  // the link's state
  std::uint64_t handshakes = 0;
  std::size_t cached_keys = 0;
};

struct Check {
  std::string name;
  bool ok = false;
  bool needed = false;  // not ready without it
  std::string detail;
};
[[nodiscard]] std::vector<Check> checks(const Facts& facts);
[[nodiscard]] bool ready(const Facts& facts);
[[nodiscard]] std::string health_json(const Facts& facts);

}  // namespace concordat::keyservice::agent
