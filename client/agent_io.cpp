#include <sodium.h>

#include <mutex>
#include <thread>
#include <vector>

#include "attest/base/request_id.hpp"
#include "client/calls.hpp"
#include "client/connection_io.hpp"
#include "keyservice/backoff.hpp"

namespace concordat::client {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause = std::chrono::seconds(2);
// One question of wait_for_ready, and how much later its answer may come.
constexpr std::chrono::seconds kLongestWait{30};
constexpr std::chrono::seconds kAnswerSlack{5};

Error bad_argument(std::string message) {
  return {"bad_argument", std::move(message)};
}

Result<peer::Endpoint> endpoint_of(const std::string& text) {
  const auto endpoint = peer::parse_endpoint(text);
  if (!endpoint) return bad_argument(text + ": " + endpoint.error().to_string());
  const auto* const tcp = std::get_if<peer::TcpEndpoint>(&*endpoint);
  if (std::holds_alternative<peer::VsockEndpoint>(*endpoint) ||
      (tcp != nullptr && !peer::is_loopback(*tcp))) {
    return bad_argument(text +
                        ": an agent is spoken to inside its enclave only: unix:PATH, or "
                        "tcp: on loopback");
  }
  return *endpoint;
}

}  // namespace

class Agent::Impl {
 public:
  Impl(Options options, peer::Endpoint endpoint)
      : options_(std::move(options)), endpoint_(std::move(endpoint)) {}

  // 2xx, or an error; repeated as the order allows.
  Result<Answer> call(const Result<Order>& order, const Call& call) {
    if (!order) return order.error();
    if (!call.request_id.empty() && !base::is_request_id(call.request_id)) {
      return bad_argument("a request id has 1 to 64 of A-Z a-z 0-9 - _ .");
    }
    const Deadline deadline = Deadline::clock::now() + call.deadline.value_or(options_.deadline);
    keyservice::Backoff backoff(kFirstPause, kLongestPause);
    for (;;) {
      auto answer = attempt(*order, call.request_id, deadline);
      if (answer && answer->status / 100 == 2) return answer;
      Error why = answer ? error_of(*answer) : answer.error();
      if (!may_repeat(*order, why) || !pause(backoff, deadline)) return why;
    }
  }

  // One request and its answer, whatever it says.
  Result<Answer> attempt(const Order& order, const std::string& request_id, Deadline deadline) {
    auto connection = take(deadline);
    if (!connection) return connection.error();
    auto answer = (*connection)->exchange(order, request_id, deadline);
    if (answer) put_back(*std::move(connection));
    return answer;
  }

  Status stream(Result<Order> order, const Source& source, const Sink& sink, const Call& call) {
    if (!order) return order.error();
    const milliseconds patience = call.deadline.value_or(options_.deadline);
    auto connection = take(Deadline::clock::now() + patience);
    if (!connection) return connection.error();
    auto done = (*connection)->stream(order->target, call.request_id, source, sink, patience);
    if (done) put_back(*std::move(connection));
    return done;
  }

  // Sleeps; false where the deadline comes first.
  static bool pause(keyservice::Backoff& backoff, Deadline deadline) {
    base::SystemRandom random;
    const auto length = backoff.next(random);
    if (Deadline::clock::now() + length >= deadline) return false;
    std::this_thread::sleep_for(length);
    return true;
  }

  [[nodiscard]] milliseconds deadline_of(const Call& call) const {
    return call.deadline.value_or(options_.deadline);
  }

 private:
  Result<std::unique_ptr<Connection>> take(Deadline deadline) {
    for (;;) {
      std::unique_ptr<Connection> idle;
      {
        const std::lock_guard lock(mutex_);
        if (idle_.empty()) break;
        idle = std::move(idle_.back());
        idle_.pop_back();
      }
      if (idle->usable()) return idle;
    }
    return Connection::open(endpoint_, deadline);
  }

  void put_back(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < options_.idle_connections) idle_.push_back(std::move(connection));
  }

  Options options_;
  peer::Endpoint endpoint_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;
};

Agent::Agent(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Agent::Agent(Agent&&) noexcept = default;
Agent& Agent::operator=(Agent&&) noexcept = default;
Agent::~Agent() = default;

Result<Agent> Agent::open(Options options) {
  auto endpoint = endpoint_of(options.endpoint);
  if (!endpoint) return endpoint.error();
  if (sodium_init() < 0) return bad_argument("libsodium did not start");
  return Agent(std::make_unique<Impl>(std::move(options), *std::move(endpoint)));
}

Result<Key> Agent::get_key(std::string_view name, std::uint32_t version, const Call& call) const {
  return calls::key_of(impl_->call(calls::get_key(name, version), call));
}
Result<Signature> Agent::sign(std::string_view name, Input message, const Call& call) const {
  return calls::signature_of(impl_->call(calls::sign(name, message), call));
}
Result<Verified> Agent::verify(std::string_view name, Input message, base::BytesView envelope,
                               const Call& call) const {
  return calls::verified_of(impl_->call(calls::verify(name, message, envelope), call));
}
Result<Ciphertext> Agent::encrypt(std::string_view name, Input plaintext,
                                  base::BytesView associated_data, const Call& call) const {
  return calls::ciphertext_of(impl_->call(calls::encrypt(name, plaintext, associated_data), call));
}
Result<Given> Agent::decrypt(std::string_view name, base::BytesView ciphertext,
                             base::BytesView associated_data, const Call& call) const {
  return calls::given_of(impl_->call(calls::decrypt(name, ciphertext, associated_data), call),
                         "plaintext");
}
Result<Wrapped> Agent::wrap(std::string_view name, Input bytes, const Call& call) const {
  return calls::wrapped_of(impl_->call(calls::wrap(name, bytes), call));
}
Result<Wrapped> Agent::wrap_key(std::string_view name, std::string_view key, std::uint32_t version,
                                const Call& call) const {
  return calls::wrapped_of(impl_->call(calls::wrap_key(name, key, version), call));
}
Result<Given> Agent::unwrap(std::string_view name, base::BytesView wrapped,
                            const Call& call) const {
  return calls::given_of(impl_->call(calls::unwrap(name, wrapped), call), "bytes");
}
Result<Mac> Agent::mac(std::string_view name, Input message, const Call& call) const {
  return calls::mac_of(impl_->call(calls::mac(name, message), call));
}
Result<Given> Agent::derive(std::string_view name, const DeriveOrder& order,
                            const Call& call) const {
  return calls::given_of(impl_->call(calls::derive(name, order), call), "bytes");
}
Result<base::SecretBytes> Agent::random(std::string_view name, std::size_t size,
                                        const Call& call) const {
  return calls::random_of(impl_->call(calls::random(name, size), call));
}
Result<PublicKey> Agent::public_key(std::string_view name, std::uint32_t version,
                                    const Call& call) const {
  return calls::public_key_of(impl_->call(calls::public_key(name, version), call));
}
Result<base::Bytes> Agent::attestation(std::optional<base::BytesView> nonce,
                                       std::optional<base::BytesView> user_data,
                                       const Call& call) const {
  return calls::document_of(impl_->call(calls::attestation(nonce, user_data), call));
}

Status Agent::encrypt_stream(std::string_view name, const Source& plaintext, const Sink& ciphertext,
                             base::BytesView associated_data, const Call& call) const {
  return impl_->stream(calls::stream("encrypt-stream", name, associated_data), plaintext,
                       ciphertext, call);
}
Status Agent::decrypt_stream(std::string_view name, const Source& ciphertext, const Sink& plaintext,
                             base::BytesView associated_data, const Call& call) const {
  return impl_->stream(calls::stream("decrypt-stream", name, associated_data), ciphertext,
                       plaintext, call);
}

Result<Health> Agent::health(const Call& call) const {
  const auto answer = impl_->attempt(calls::health(), call.request_id,
                                     Deadline::clock::now() + impl_->deadline_of(call));
  if (!answer) return answer.error();
  return calls::health_of(*answer);
}

Status Agent::wait_for_ready(milliseconds timeout) const {
  const Deadline end = Deadline::clock::now() + timeout;
  keyservice::Backoff backoff(kFirstPause, kLongestPause);
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(end - Deadline::clock::now());
    const auto asked = std::clamp(left, std::chrono::seconds(0), kLongestWait);
    // The agent keeps the time; ours is for one that does not answer at all.
    const auto wait = [&](const Order& order) {
      return impl_->attempt(order, {}, Deadline::clock::now() + asked + kAnswerSlack);
    };
    const auto answer = wait(calls::wait_for_ready(asked));
    if (answer && answer->status == 200) return {};
    Error why = answer ? calls::not_ready(*answer) : answer.error();
    const bool again = why.is("not_ready") || why.is("agent_unreachable") || why.is("interrupted");
    if (!again || !Impl::pause(backoff, end)) return why;
  }
}

}  // namespace concordat::client
