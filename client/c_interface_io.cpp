#include <cstring>
#include <new>

#include "attest/base/secret_access.hpp"
#include "client/agent.hpp"
#include "client/concordat.h"

struct concordat_agent {
  concordat::client::Agent agent;
};

namespace {

using namespace concordat;
using base::BytesView;
using base::SecretAccess;
using base::SecretBytes;
using client::Error;
using client::Result;
using client::Status;

template <std::size_t N>
void copy_text(char (&out)[N], std::string_view text) {
  const std::size_t n = std::min(text.size(), N - 1);
  std::memcpy(out, text.data(), n);
  out[n] = '\0';
}

int tell(concordat_error* out, const Error& error) noexcept {
  if (out == nullptr) return -1;
  out->http_status = error.http_status;
  copy_text(out->code, error.code);
  copy_text(out->message, error.message);
  copy_text(out->request_id, error.request_id);
  return -1;
}

Error bad_argument(const char* what) {
  return {"bad_argument", what};
}

// Nothing that is thrown passes: every call's body runs in here.
template <class Body>
int at_the_border(concordat_error* error, Body body) noexcept {
  try {
    if (error != nullptr) *error = {};
    const Status done = body();
    return done ? 0 : tell(error, done.error());
  } catch (const std::bad_alloc&) {
    return tell(error, Error("out_of_memory", ""));
  } catch (const std::exception&) {
    return tell(error, Error("internal_error", ""));
  }
}

void give(concordat_buffer* out, SecretBytes bytes) {
  if (out == nullptr) return;
  auto owner = std::make_unique<SecretBytes>(std::move(bytes));
  const auto all = owner->expose_mutable(SecretAccess{});
  *out = {all.data(), all.size(), owner.release()};
}
void give(concordat_buffer* out, BytesView bytes) {
  SecretBytes copy = SecretBytes::zeroed(bytes.size());
  std::ranges::copy(bytes, copy.expose_mutable(SecretAccess{}).begin());
  give(out, std::move(copy));
}
void give(uint32_t* out, std::uint32_t value) {
  if (out != nullptr) *out = value;
}

BytesView view(const void* bytes, size_t size) {
  return {static_cast<const std::uint8_t*>(bytes), bytes == nullptr ? 0 : size};
}
std::string_view text(const char* name) {
  return name == nullptr ? std::string_view() : std::string_view(name);
}
std::optional<BytesView> if_any(const void* bytes, size_t size) {
  if (bytes == nullptr || size == 0) return std::nullopt;
  return view(bytes, size);
}

// One call of the client, and what is handed out of its result.
template <class Call, class Use>
int run(concordat_agent* agent, concordat_error* error, Call call, Use use) {
  return at_the_border(error, [&]() -> Status {
    if (agent == nullptr) return bad_argument("no agent");
    auto result = call(agent->agent);
    if (!result) return result.error();
    use(*result);
    return {};
  });
}

using StreamCall = Status (client::Agent::*)(std::string_view, const client::Source&,
                                             const client::Sink&, BytesView,
                                             const client::Call&) const;

int run_stream(StreamCall call, concordat_agent* agent, const char* name, concordat_source source,
               concordat_sink sink, void* context, BytesView associated_data,
               concordat_error* error) {
  return at_the_border(error, [&]() -> Status {
    if (agent == nullptr || source == nullptr || sink == nullptr) {
      return bad_argument("no agent, source or sink");
    }
    const Error stopped{"stopped_by_caller", "a callback said so"};
    const auto give_bytes = [&](std::span<std::uint8_t> room) -> Result<std::size_t> {
      const ptrdiff_t n = source(context, room.data(), room.size());
      if (n < 0) return stopped;
      return static_cast<std::size_t>(n);
    };
    const auto take_bytes = [&](BytesView bytes) -> Status {
      if (sink(context, bytes.data(), bytes.size()) != 0) return stopped;
      return {};
    };
    return (agent->agent.*call)(text(name), give_bytes, take_bytes, associated_data, {});
  });
}

}  // namespace

extern "C" {

int concordat_agent_open(const char* endpoint, uint32_t deadline_ms, concordat_agent** agent,
                         concordat_error* error) {
  return at_the_border(error, [&]() -> Status {
    if (agent == nullptr) return bad_argument("nowhere to put the agent");
    client::Options options;
    if (endpoint != nullptr) options.endpoint = endpoint;
    if (deadline_ms != 0) options.deadline = std::chrono::milliseconds(deadline_ms);
    auto opened = client::Agent::open(std::move(options));
    if (!opened) return opened.error();
    *agent = new concordat_agent{*std::move(opened)};
    return {};
  });
}

void concordat_agent_close(concordat_agent* agent) {
  delete agent;
}

void concordat_buffer_free(concordat_buffer* buffer) {
  if (buffer == nullptr) return;
  delete static_cast<SecretBytes*>(buffer->owner);
  *buffer = {};
}

int concordat_wait_for_ready(concordat_agent* agent, uint32_t timeout_ms, concordat_error* error) {
  return at_the_border(error, [&]() -> Status {
    if (agent == nullptr) return bad_argument("no agent");
    return agent->agent.wait_for_ready(std::chrono::milliseconds(timeout_ms));
  });
}

int concordat_health(concordat_agent* agent, int* ready, concordat_buffer* json,
                     concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.health(); },
      [&](const client::Health& health) {
        if (ready != nullptr) *ready = health.ready ? 1 : 0;
        give(json, base::as_bytes(health.json));
      });
}

int concordat_attestation(concordat_agent* agent, const void* nonce, size_t nonce_size,
                          const void* user_data, size_t user_data_size, concordat_buffer* document,
                          concordat_error* error) {
  return run(
      agent, error,
      [&](const auto& a) {
        return a.attestation(if_any(nonce, nonce_size), if_any(user_data, user_data_size));
      },
      [&](const base::Bytes& made) { give(document, made); });
}

int concordat_get_key(concordat_agent* agent, const char* name, uint32_t version,
                      concordat_buffer* key, uint32_t* used_version, concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.get_key(text(name), version); },
      [&](client::Key& got) {
        give(key, std::move(got.key));
        give(used_version, got.version);
      });
}

int concordat_public_key(concordat_agent* agent, const char* name, uint32_t version,
                         concordat_buffer* der, uint32_t* used_version, concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.public_key(text(name), version); },
      [&](const client::PublicKey& got) {
        give(der, got.der);
        give(used_version, got.version);
      });
}

int concordat_sign(concordat_agent* agent, const char* name, const void* message, size_t size,
                   concordat_buffer* signature, concordat_buffer* envelope,
                   concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.sign(text(name), view(message, size)); },
      [&](const client::Signature& made) {
        give(signature, made.signature);
        give(envelope, made.envelope);
      });
}

int concordat_verify(concordat_agent* agent, const char* name, const void* message, size_t size,
                     const void* envelope, size_t envelope_size, concordat_error* error) {
  return run(
      agent, error,
      [&](const auto& a) {
        return a.verify(text(name), view(message, size), view(envelope, envelope_size));
      },
      [](const client::Verified&) {});
}

int concordat_mac(concordat_agent* agent, const char* name, const void* message, size_t size,
                  concordat_buffer* tag, concordat_buffer* envelope, concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.mac(text(name), view(message, size)); },
      [&](const client::Mac& made) {
        give(tag, made.tag);
        give(envelope, made.envelope);
      });
}

int concordat_encrypt(concordat_agent* agent, const char* name, const void* plaintext, size_t size,
                      const void* associated_data, size_t associated_data_size,
                      concordat_buffer* ciphertext, concordat_error* error) {
  return run(
      agent, error,
      [&](const auto& a) {
        return a.encrypt(text(name), view(plaintext, size),
                         view(associated_data, associated_data_size));
      },
      [&](const client::Ciphertext& made) { give(ciphertext, made.ciphertext); });
}

int concordat_decrypt(concordat_agent* agent, const char* name, const void* ciphertext, size_t size,
                      const void* associated_data, size_t associated_data_size,
                      concordat_buffer* plaintext, concordat_error* error) {
  return run(
      agent, error,
      [&](const auto& a) {
        return a.decrypt(text(name), view(ciphertext, size),
                         view(associated_data, associated_data_size));
      },
      [&](client::Given& given) { give(plaintext, std::move(given.bytes)); });
}

int concordat_wrap(concordat_agent* agent, const char* name, const void* bytes, size_t size,
                   concordat_buffer* wrapped, concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.wrap(text(name), view(bytes, size)); },
      [&](const client::Wrapped& made) { give(wrapped, made.wrapped); });
}

int concordat_wrap_key(concordat_agent* agent, const char* name, const char* key, uint32_t version,
                       concordat_buffer* wrapped, concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.wrap_key(text(name), text(key), version); },
      [&](const client::Wrapped& made) { give(wrapped, made.wrapped); });
}

int concordat_unwrap(concordat_agent* agent, const char* name, const void* wrapped, size_t size,
                     concordat_buffer* bytes, concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.unwrap(text(name), view(wrapped, size)); },
      [&](client::Given& given) { give(bytes, std::move(given.bytes)); });
}

int concordat_derive(concordat_agent* agent, const char* name, size_t size, const void* context,
                     size_t context_size, const uint8_t peer[32], uint32_t version,
                     concordat_buffer* bytes, concordat_error* error) {
  return run(
      agent, error,
      [&](const auto& a) {
        client::DeriveOrder order{size, base::to_bytes(view(context, context_size)), version};
        if (peer != nullptr) order.peer = base::to_bytes(view(peer, 32));
        return a.derive(text(name), order);
      },
      [&](client::Given& given) { give(bytes, std::move(given.bytes)); });
}

int concordat_random(concordat_agent* agent, const char* name, size_t size, concordat_buffer* bytes,
                     concordat_error* error) {
  return run(
      agent, error, [&](const auto& a) { return a.random(text(name), size); },
      [&](SecretBytes& given) { give(bytes, std::move(given)); });
}

int concordat_encrypt_stream(concordat_agent* agent, const char* name, concordat_source source,
                             concordat_sink sink, void* context, const void* associated_data,
                             size_t associated_data_size, concordat_error* error) {
  return run_stream(&client::Agent::encrypt_stream, agent, name, source, sink, context,
                    view(associated_data, associated_data_size), error);
}

int concordat_decrypt_stream(concordat_agent* agent, const char* name, concordat_source source,
                             concordat_sink sink, void* context, const void* associated_data,
                             size_t associated_data_size, concordat_error* error) {
  return run_stream(&client::Agent::decrypt_stream, agent, name, source, sink, context,
                    view(associated_data, associated_data_size), error);
}

}  // extern "C"
