// Requests and responses between worker and custodian: one CBOR array in one record of the channel.
//
//   request   [id, "get",  name]              response  [id, 0, version, key (bstr 32)]
//             [id, "sign", name, message]               [id, 0, version, signature (64), public
//             (32)]
//                                             failure   [id, 1, code (tstr), detail (tstr)]
//
// id: uint chosen by the worker, repeated in the response; responses may come in any order.
// A response that carries a key is built and read in guarded memory only.
#pragma once

#include <string>
#include <variant>

#include "attest/base/bytes.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {

struct GetRequest {
  std::string name;
};
struct SignRequest {
  std::string name;
  base::Bytes message;
};
struct Request {
  std::uint64_t id = 0;
  std::variant<GetRequest, SignRequest> body;

  [[nodiscard]] const std::string& key_name() const;
  [[nodiscard]] std::string_view operation() const noexcept;
};
[[nodiscard]] base::Bytes encode(const Request& request);
[[nodiscard]] base::Result<Request> decode_request(base::BytesView record);
// The id alone of a request that decode_request refused, so that the refusal can name it; 0 when
// even that cannot be read.
[[nodiscard]] std::uint64_t request_id_of(base::BytesView record) noexcept;

struct ReleasedKey {
  std::uint32_t version = 0;
  base::SecretBytes key;
};
struct Signature {
  std::uint32_t version = 0;
  base::FixedBytes<struct Ed25519SignatureTag, kEd25519SignatureSize> signature;
  base::FixedBytes<struct Ed25519PublicTag, kEd25519PublicKeySize> public_key;
};
struct Failure {
  std::string code;    // an error's stable name
  std::string detail;  // for people; at most 512 bytes
};
[[nodiscard]] Failure failure_of(const base::Error& error);

using ResponseBody = std::variant<ReleasedKey, Signature, Failure>;
struct Response {
  std::uint64_t id = 0;
  ResponseBody body;
};
[[nodiscard]] base::SecretBytes encode(const Response& response);
// `operation`: what was asked under this id, which decides what an answer must look like.
[[nodiscard]] base::Result<Response> decode_response(const base::SecretBytes& record,
                                                     std::string_view operation);
[[nodiscard]] base::Result<std::uint64_t> response_id(const base::SecretBytes& record);

}  // namespace concordat::keyservice
