// What a custodian says of itself to an operator over an attested channel. Nothing in it is secret,
// and unlike its report nothing of it passes through hands that could change it.
//
// Encoded as one CBOR map with text keys. A reader wants every key that it knows and passes over
// those that it does not, so that a custodian may be newer than the operator's program.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "attest/nsm.hpp"
#include "keyservice/audit_log_state.hpp"
#include "keyservice/journal/record.hpp"
#include "keyservice/root.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

// What does not change while the enclave runs.
struct EnclaveFacts {
  std::string version;    // of the program
  std::string module_id;  // i-...-enc...
  // Registers 0 to 4, 8 and 16, those that are set: image, place, signer, authority.
  std::map<std::uint8_t, attest::PcrValue> pcrs;
};
// Asks the module; blocks as the transport does.
[[nodiscard]] base::Result<EnclaveFacts> read_facts(attest::NsmTransport& nsm, std::string version);

struct CustodianCounts {
  std::uint64_t handshakes = 0;  // enclaves admitted
  std::uint64_t operators = 0;   // operators admitted
  std::uint64_t refused = 0;     // streams
  std::uint64_t served = 0;      // requests
  std::uint64_t denied = 0;
  std::uint64_t administered = 0;  // requests of operators
};

struct CustodianStatus {
  struct RootState {
    std::uint32_t generation = 0;
    RootCommitment commitment;
  };
  struct KeyringState {
    bool is_loaded = false;  // not so: no key is served yet
    std::uint64_t keys = 0;  // with a record
    journal::Head head;      // of the journal, as far as it was read
  };

  EnclaveFacts enclave;
  std::string role;
  std::uint64_t policy_serial = 0;
  policy::PolicyDigest policy_digest;
  std::optional<RootState> root;        // nullopt: not unsealed, or wiped
  std::optional<KeyringState> keyring;  // there whenever the root is
  std::string trouble;                  // the code of why nobody's keys are served; empty: they are
  AuditLogState audit_log;
  base::UnixMillis now;  // by the trusted clock
  std::chrono::milliseconds uptime{};
  std::chrono::milliseconds anchor_age{};  // of the trusted clock
  CustodianCounts counts;
  std::map<std::string, std::uint64_t> channels;           // live ones, by role
  std::map<std::string, std::uint64_t> operator_channels;  // by operator
  base::SecretMemoryStatus memory;
};

[[nodiscard]] base::Bytes encode(const CustodianStatus& status);
// One map, and nothing else. malformed_response.
[[nodiscard]] base::Result<CustodianStatus> decode_custodian_status(base::BytesView items);

}  // namespace concordat::keyservice
