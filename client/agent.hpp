// The worker's agent, as a C++ application beside it uses it: keys, operations with keys that never
// leave the custodian, attestation, readiness. Over the agent's Unix socket, or TCP on loopback.
//
//   auto agent = client::Agent::open();
//   auto signature = agent->sign("payments/settlement", "pay 10 to carol");
//   if (!signature) return report(signature.error());   // error.hpp
//
// Blocking; one object serves any number of threads, each call on a connection of its own out of a
// small pool. Keys and plaintexts are SecretBytes, and what carries them on the way (requests,
// responses, receive buffers) is guarded memory too.
//
// Calls are repeated, with growing and jittered pauses within the deadline, where nothing was sent
// (agent_unreachable); where the agent answered 503 or the connection broke, only those that change
// nothing and count nothing twice that matters: all but sign, encrypt, wrap, mac and random, whose
// uses policy may limit.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "attest/base/clock.hpp"
#include "attest/base/secret.hpp"
#include "client/error.hpp"

namespace concordat::client {

struct Options {
  // unix:PATH or tcp:ADDRESS:PORT; the latter only on loopback. Where the agent of the lab listens:
  // unix:lab/agent.sock.
  std::string endpoint = "unix:/run/concordat/agent.sock";
  // Of a call with all its repetitions, where the call says nothing else.
  std::chrono::milliseconds deadline = std::chrono::seconds(30);
  std::size_t idle_connections = 8;  // kept open for the next calls
};

// What one call may say of itself.
struct Call {
  std::optional<std::chrono::milliseconds> deadline{};
  std::string request_id{};  // 1 to 64 of A-Z a-z 0-9 - _ . ; the agent repeats it and logs it
};

// Bytes to be signed, sealed or compared: copied into guarded memory when the call begins.
class Input {
 public:
  Input(base::BytesView bytes) noexcept : bytes_(bytes) {}
  Input(const base::Bytes& bytes) noexcept : bytes_(bytes) {}
  Input(std::string_view text) noexcept : bytes_(base::as_bytes(text)) {}
  Input(const std::string& text) noexcept : Input(std::string_view(text)) {}
  Input(const char* text) noexcept : Input(std::string_view(text)) {}
  Input(const base::SecretBytes& secret) noexcept;
  [[nodiscard]] base::BytesView view() const noexcept { return bytes_; }

 private:
  base::BytesView bytes_;
};

struct Key {
  std::string name;
  std::uint32_t version = 0;
  std::string type;                           // "derived", "aes256", ...
  std::optional<base::UnixMillis> expires{};  // not to be used any more from then on
  base::SecretBytes key;
};
struct Signature {
  std::string name;
  std::uint32_t version = 0;
  std::string algorithm;
  base::Bytes signature;  // as openssl verifies it
  base::Bytes envelope;   // as verify takes it: keyservice/KEYRING.md
};
struct Verified {
  std::string name;
  std::uint32_t version = 0;
};
struct Ciphertext {
  std::string name;
  std::uint32_t version = 0;
  base::Bytes ciphertext;  // an envelope
};
struct Wrapped {
  std::string name;
  std::uint32_t version = 0;
  base::Bytes wrapped;  // an envelope
};
// Of decrypt, unwrap and derive.
struct Given {
  std::string name;
  std::uint32_t version = 0;
  base::SecretBytes bytes;
};
struct Mac {
  std::string name;
  std::uint32_t version = 0;
  std::string algorithm;
  base::Bytes tag;
  base::Bytes envelope;
};
struct PublicKey {
  std::string name;
  std::uint32_t version = 0;
  std::string type;
  base::Bytes raw;
  base::Bytes der;  // SubjectPublicKeyInfo
  std::string pem;
};
struct Health {
  bool ready = false;
  std::string json;  // the agent's whole answer
};

struct DeriveOrder {
  std::size_t size = 32;
  base::Bytes context{};
  std::uint32_t version = 0;          // 0: the newest
  std::optional<base::Bytes> peer{};  // X25519 public key, for keys of that type
};

// The next bytes of a stream into `room` (never empty); how many, 0 at the end.
using Source = std::function<Result<std::size_t>(std::span<std::uint8_t> room)>;
// Takes bytes; they are gone after the call.
using Sink = std::function<Status(base::BytesView)>;

class Agent {
 public:
  // bad_argument for an endpoint that is none of the above. Connects with the first call.
  [[nodiscard]] static Result<Agent> open(Options options = {});
  Agent(Agent&&) noexcept;
  Agent& operator=(Agent&&) noexcept;
  ~Agent();

  // `version` 0 is the newest. The key leaves the custodian: ask for an operation instead where one
  // will do.
  [[nodiscard]] Result<Key> get_key(std::string_view name, std::uint32_t version = 0,
                                    const Call& call = {}) const;
  [[nodiscard]] Result<Signature> sign(std::string_view name, Input message,
                                       const Call& call = {}) const;
  // Of signatures and macs. authentication_failed where it is not good.
  [[nodiscard]] Result<Verified> verify(std::string_view name, Input message,
                                        base::BytesView envelope, const Call& call = {}) const;
  [[nodiscard]] Result<Ciphertext> encrypt(std::string_view name, Input plaintext,
                                           base::BytesView associated_data = {},
                                           const Call& call = {}) const;
  [[nodiscard]] Result<Given> decrypt(std::string_view name, base::BytesView ciphertext,
                                      base::BytesView associated_data = {},
                                      const Call& call = {}) const;
  [[nodiscard]] Result<Wrapped> wrap(std::string_view name, Input bytes,
                                     const Call& call = {}) const;
  // Another key of the keyring under `name`, without showing it.
  [[nodiscard]] Result<Wrapped> wrap_key(std::string_view name, std::string_view key,
                                         std::uint32_t version = 0, const Call& call = {}) const;
  [[nodiscard]] Result<Given> unwrap(std::string_view name, base::BytesView wrapped,
                                     const Call& call = {}) const;
  [[nodiscard]] Result<Mac> mac(std::string_view name, Input message, const Call& call = {}) const;
  [[nodiscard]] Result<Given> derive(std::string_view name, const DeriveOrder& order,
                                     const Call& call = {}) const;
  [[nodiscard]] Result<base::SecretBytes> random(std::string_view name, std::size_t size,
                                                 const Call& call = {}) const;
  [[nodiscard]] Result<PublicKey> public_key(std::string_view name, std::uint32_t version = 0,
                                             const Call& call = {}) const;

  // Any size, never as a whole in memory. Deadline: the longest time without a byte either way. Not
  // repeated. After an error what the sink took is worth nothing: an end that is missing may hide
  // behind a good beginning. Source and sink are called from inside the call, in turns.
  [[nodiscard]] Status encrypt_stream(std::string_view name, const Source& plaintext,
                                      const Sink& ciphertext, base::BytesView associated_data = {},
                                      const Call& call = {}) const;
  [[nodiscard]] Status decrypt_stream(std::string_view name, const Source& ciphertext,
                                      const Sink& plaintext, base::BytesView associated_data = {},
                                      const Call& call = {}) const;

  // A document of this enclave, base64-decoded: for whoever chose the nonce. At most 512 bytes
  // each; user_data travels under the agent's own domain.
  [[nodiscard]] Result<base::Bytes> attestation(std::optional<base::BytesView> nonce = {},
                                                std::optional<base::BytesView> user_data = {},
                                                const Call& call = {}) const;
  // An agent that is not ready is no error here.
  [[nodiscard]] Result<Health> health(const Call& call = {}) const;
  // Returns when keys can be had; an agent that has not started yet is waited for as well.
  [[nodiscard]] Status wait_for_ready(std::chrono::milliseconds timeout) const;

 private:
  class Impl;
  explicit Agent(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace concordat::client
