// Requests and responses between worker and custodian: one CBOR array in one record of the channel.
//
//   request                                              response
//   [id, "get", name, version]                           [id, 0, version, type, expires, key]
//   [id, "sign", name, message]                          [id, 0, envelope]
//   [id, "verify", name, message, envelope]              [id, 0, version]
//   [id, "encrypt", name, associated, plaintext]         [id, 0, envelope]
//   [id, "decrypt", name, associated, envelope]          [id, 0, version, plaintext]
//   [id, "wrap", name, bytes]                            [id, 0, envelope]
//   [id, "wrap", name, [name, version]]                  [id, 0, envelope]
//   [id, "unwrap", name, envelope]                       [id, 0, version, bytes]
//   [id, "mac", name, message]                           [id, 0, envelope]
//   [id, "derive", name, version, size, context, peer]   [id, 0, version, bytes]
//   [id, "random", name, size]                           [id, 0, 0, bytes]
//   [id, "public", name, version]                        [id, 0, version, type, raw]
//   [id, "count-run", session, protocol, input, run]    [id, 0, counted]
//   any, refused                                         [id, 1, code (tstr), detail (tstr)]
//
// id: uint chosen by the worker, repeated in the response; responses may come in any order.
// version: of the key; in a request 0 stands for the newest. type: a number of KeyType. expires:
// Unix milliseconds from which the worker no longer uses what it was given. peer: an X25519 public
// key (32 bytes) for keys of that type, otherwise null. envelope: keyservice/KEYRING.md.
// count-run: a run of a session is about to take in an input (its SHA-256); counted: how many of
// that input there are with it. Which session's rule allows it, and how often, policy says.
// Requests and responses hold secrets, so both are built and read in guarded memory only.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "attest/base/clock.hpp"
#include "attest/base/secret.hpp"
#include "keyservice/error.hpp"
#include "keyservice/keyring/derivation.hpp"
#include "keyservice/keyring/key_types.hpp"
#include "keyservice/keyring/state/run_counts.hpp"
#include "policy/model.hpp"

namespace concordat::keyservice {

struct GetRequest {
  std::string name;
  std::uint32_t version = 0;
};
struct SignRequest {
  std::string name;
  base::Bytes message;
};
struct VerifyRequest {
  std::string name;
  base::Bytes message;
  base::Bytes envelope;
};
struct EncryptRequest {
  std::string name;
  base::Bytes associated;
  base::SecretBytes plaintext;
};
struct DecryptRequest {
  std::string name;
  base::Bytes associated;
  base::Bytes envelope;
};
// Another key of the keyring, to be wrapped.
struct KeyReference {
  std::string name;
  std::uint32_t version = 0;
};
struct WrapRequest {
  std::string name;
  std::variant<base::SecretBytes, KeyReference> what;
};
struct UnwrapRequest {
  std::string name;
  base::Bytes envelope;
};
struct MacRequest {
  std::string name;
  base::Bytes message;
};
struct DeriveRequest {
  std::string name;
  std::uint32_t version = 0;
  std::size_t size = 0;
  base::Bytes context;
  std::optional<PeerPublicKey> peer;
};
struct RandomRequest {
  std::string name;
  std::size_t size = 0;
};
struct PublicRequest {
  std::string name;
  std::uint32_t version = 0;
};
// No key takes part. Asked again it is the same run, counted once.
struct CountRunRequest {
  std::string name;  // the session's id
  std::string protocol;
  CountedInput input;
  CountedRun run;
};

using RequestBody = std::variant<GetRequest, SignRequest, VerifyRequest, EncryptRequest,
                                 DecryptRequest, WrapRequest, UnwrapRequest, MacRequest,
                                 DeriveRequest, RandomRequest, PublicRequest, CountRunRequest>;
// Of count-run: the session's id, which has the form of a key's name.
[[nodiscard]] const std::string& key_name(const RequestBody& body);
// That grants name; nullopt: of count-run, which a session's rule allows.
[[nodiscard]] std::optional<policy::Operation> operation_of(const RequestBody& body) noexcept;
[[nodiscard]] std::string_view operation_name(const RequestBody& body) noexcept;

struct Request {
  std::uint64_t id = 0;
  RequestBody body;
};
[[nodiscard]] base::SecretBytes encode(std::uint64_t id, const RequestBody& body);
// malformed_request, unknown_operation, message_too_large.
[[nodiscard]] base::Result<Request> decode_request(base::BytesView record);
// The id alone of a request that decode_request refused, so that the refusal can name it; 0 when
// even that cannot be read.
[[nodiscard]] std::uint64_t request_id_of(base::BytesView record) noexcept;

// Of get.
struct ReleasedKey {
  std::uint32_t version = 0;
  KeyType type = KeyType::derived;
  base::UnixMillis expires;
  base::SecretBytes key;
};
// Of sign, encrypt, wrap and mac.
struct MadeEnvelope {
  base::Bytes envelope;
};
// Of verify: the signature or mac is good.
struct Verified {
  std::uint32_t version = 0;
};
// Of decrypt, unwrap, derive and random (version 0).
struct GivenBytes {
  std::uint32_t version = 0;
  base::SecretBytes bytes;
};
// Of public.
struct GivenPublicKey {
  std::uint32_t version = 0;
  KeyType type = KeyType::ed25519;
  base::Bytes raw;  // public_key.hpp
};
// Of count-run.
struct RunCounted {
  std::uint64_t runs = 0;
};
struct Failure {
  std::string code;    // an error's stable name
  std::string detail;  // for people; at most 512 bytes
};
[[nodiscard]] Failure failure_of(const base::Error& error);

using ResponseBody = std::variant<ReleasedKey, MadeEnvelope, Verified, GivenBytes, GivenPublicKey,
                                  RunCounted, Failure>;
struct Response {
  std::uint64_t id = 0;
  ResponseBody body;
};
[[nodiscard]] base::SecretBytes encode(std::uint64_t id, const ResponseBody& body);
// `operation`: operation_of what was asked under this id, which decides what an answer must look
// like.
[[nodiscard]] base::Result<Response> decode_response(const base::SecretBytes& record,
                                                     std::optional<policy::Operation> operation);
[[nodiscard]] base::Result<std::uint64_t> response_id(const base::SecretBytes& record);

}  // namespace concordat::keyservice
