// The worker agent's HTTP/JSON API for the application beside it, on a Unix socket:
//
//   GET  /v1/keys/{name}     200 {"name", "version", "key": base64}; with "Accept:
//                            application/octet-stream" the bare key
//   POST /v1/sign/{name}     {"message": base64}, at most 32,768 bytes of it; 200 {"name", "version",
//                            "algorithm", "signature": base64, "envelope": base64}
//   GET  /v1/attestation     ?nonce=HEX&user_data=HEX, both optional; 200 {"document": base64}.
//                            user_data travels under the agent's own domain, so that no document
//                            made here serves a handshake (attest/mint.hpp, purpose application)
//   GET  /v1/health          200 when ready, 503 when not: {"ready", "custodian", "policy",
//   "clock",
//                            "memory"}
//
// Every response has X-Request-Id (the caller's, or a fresh one); errors are
// {"error": {"code", "message", "request_id"}} with stable codes. Key bytes are written from
// guarded memory. One io_context, one thread.
#pragma once

#include <memory>

#include "attest/base/log.hpp"
#include "keyservice/custodian_link_io.hpp"
#include "keyservice/enclave_runtime_io.hpp"

namespace concordat::keyservice {

class AgentServer {
 public:
  // References outlive the server.
  AgentServer(EnclaveRuntime& runtime, CustodianLink& link, base::Logger& log);
  ~AgentServer();

  void serve(std::unique_ptr<peer::Listener> listener);
  void stop();

 private:
  class Connection;
  struct Shared;
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<peer::Listener> listener_;
};

}  // namespace concordat::keyservice
