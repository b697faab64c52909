#include "client/calls.hpp"

#include "attest/base/secret_access.hpp"

namespace concordat::client::calls {
namespace {

using base::BytesView;
using base::JsonWriter;

Result<Order> post(std::string_view operation, std::string_view name, JsonWriter&& body,
                   Repeat repeat) {
  auto target = target_of(operation, name);
  if (!target) return target.error();
  return Order{"POST", *std::move(target), std::move(body).finish(), repeat};
}

Result<Order> get_version(std::string_view operation, std::string_view name,
                          std::uint32_t version) {
  auto target = target_of(operation, name);
  if (!target) return target.error();
  if (version != 0) add_parameter(*target, "version", std::to_string(version));
  return Order{"GET", *std::move(target)};
}

// Reads members one after another and keeps the first error.
class Reader {
 public:
  explicit Reader(const Answer& answer) : answer_(answer), fields_(JsonFields::parse(answer.body)) {
    if (!fields_) error_ = fields_.error();
  }

  [[nodiscard]] bool has(std::string_view name) const { return fields_ && fields_->has(name); }
  std::string text(std::string_view name) {
    return read<std::string>([&] { return fields_->text(name); });
  }
  base::Bytes bytes(std::string_view name) {
    return read<base::Bytes>([&] { return fields_->bytes(name); });
  }
  base::SecretBytes secret(std::string_view name) {
    return read<base::SecretBytes>([&] { return fields_->secret(name); });
  }
  std::uint32_t version() {
    const auto value = read<std::uint64_t>([&] { return fields_->number("version"); });
    if (value > UINT32_MAX) error_ = {"malformed_json", "version: is too large"};
    return static_cast<std::uint32_t>(value);
  }
  bool flag(std::string_view name) {
    return read<bool>([&] { return fields_->flag(name); });
  }
  void refuse(std::string message) {
    if (!error_) error_ = {"malformed_json", std::move(message)};
  }

  template <class T>
  Result<T> finish(T value) {
    if (error_) return malformed_response(*error_, answer_);
    return value;
  }

 private:
  template <class T, class Get>
  T read(Get get) {
    if (error_) return {};
    auto value = get();
    if (value) return *std::move(value);
    error_ = value.error();
    return {};
  }

  const Answer& answer_;
  Result<JsonFields> fields_;
  std::optional<Error> error_;
};

// A struct whose members are read in the order in which it lists them.
template <class T, class Make>
Result<T> read(const Result<Answer>& answer, Make make) {
  if (!answer) return answer.error();
  Reader reader(*answer);
  T value = make(reader);
  return reader.finish(std::move(value));
}

}  // namespace

Result<Order> get_key(std::string_view name, std::uint32_t version) {
  return get_version("keys", name, version);
}
Result<Order> sign(std::string_view name, Input message) {
  return post("sign", name, std::move(JsonWriter().bytes("message", message.view())),
              Repeat::unless_sent);
}
Result<Order> verify(std::string_view name, Input message, BytesView envelope) {
  return post("verify", name,
              std::move(JsonWriter().bytes("message", message.view()).bytes("envelope", envelope)),
              Repeat::always);
}
Result<Order> encrypt(std::string_view name, Input plaintext, BytesView associated_data) {
  JsonWriter body;
  body.bytes("plaintext", plaintext.view());
  if (!associated_data.empty()) body.bytes("associated_data", associated_data);
  return post("encrypt", name, std::move(body), Repeat::unless_sent);
}
Result<Order> decrypt(std::string_view name, BytesView ciphertext, BytesView associated_data) {
  JsonWriter body;
  body.bytes("ciphertext", ciphertext);
  if (!associated_data.empty()) body.bytes("associated_data", associated_data);
  return post("decrypt", name, std::move(body), Repeat::always);
}
Result<Order> wrap(std::string_view name, Input bytes) {
  return post("wrap", name, std::move(JsonWriter().bytes("bytes", bytes.view())),
              Repeat::unless_sent);
}
Result<Order> wrap_key(std::string_view name, std::string_view key, std::uint32_t version) {
  JsonWriter body;
  body.text("key", key);
  if (version != 0) body.number("version", version);
  return post("wrap", name, std::move(body), Repeat::unless_sent);
}
Result<Order> unwrap(std::string_view name, BytesView wrapped) {
  return post("unwrap", name, std::move(JsonWriter().bytes("wrapped", wrapped)), Repeat::always);
}
Result<Order> mac(std::string_view name, Input message) {
  return post("mac", name, std::move(JsonWriter().bytes("message", message.view())),
              Repeat::unless_sent);
}
Result<Order> derive(std::string_view name, const DeriveOrder& order) {
  JsonWriter body;
  body.number("size", order.size);
  if (!order.context.empty()) body.bytes("context", order.context);
  if (order.version != 0) body.number("version", order.version);
  if (order.peer) body.bytes("peer", *order.peer);
  return post("derive", name, std::move(body), Repeat::always);
}
Result<Order> random(std::string_view name, std::size_t size) {
  return post("random", name, std::move(JsonWriter().number("size", size)), Repeat::unless_sent);
}
Result<Order> public_key(std::string_view name, std::uint32_t version) {
  return get_version("public", name, version);
}
Result<Order> attestation(std::optional<BytesView> nonce, std::optional<BytesView> user_data) {
  std::string target = "/v1/attestation";
  if (nonce) add_parameter(target, "nonce", base::to_hex(*nonce));
  if (user_data) add_parameter(target, "user_data", base::to_hex(*user_data));
  return Order{"GET", std::move(target)};
}
Result<Order> stream(std::string_view operation, std::string_view name, BytesView associated_data) {
  auto target = target_of(operation, name);
  if (!target) return target.error();
  if (!associated_data.empty()) {
    add_parameter(*target, "associated_data", to_base64_url(associated_data));
  }
  return Order{"POST", *std::move(target)};
}
Order health() {
  return {"GET", "/v1/health"};
}
Order wait_for_ready(std::chrono::seconds timeout) {
  std::string target = "/v1/wait-for-ready";
  add_parameter(target, "timeout_seconds", std::to_string(timeout.count()));
  return {"GET", std::move(target)};
}

Result<Key> key_of(const Result<Answer>& answer) {
  return read<Key>(answer, [](Reader& reader) {
    Key out{reader.text("name"), reader.version(), reader.text("type"), {}, {}};
    if (reader.has("expires")) {
      const auto expires = base::parse_rfc3339(reader.text("expires"));
      if (expires) out.expires = *expires;
      if (!expires) reader.refuse("expires: " + expires.error().to_string());
    }
    out.key = reader.secret("key");
    return out;
  });
}
Result<Signature> signature_of(const Result<Answer>& answer) {
  return read<Signature>(answer, [](Reader& reader) {
    return Signature{reader.text("name"), reader.version(), reader.text("algorithm"),
                     reader.bytes("signature"), reader.bytes("envelope")};
  });
}
Result<Verified> verified_of(const Result<Answer>& answer) {
  return read<Verified>(answer, [](Reader& reader) {
    if (!reader.flag("valid")) reader.refuse("valid: is not true, and the answer is no refusal");
    return Verified{reader.text("name"), reader.version()};
  });
}
Result<Ciphertext> ciphertext_of(const Result<Answer>& answer) {
  return read<Ciphertext>(answer, [](Reader& reader) {
    return Ciphertext{reader.text("name"), reader.version(), reader.bytes("ciphertext")};
  });
}
Result<Wrapped> wrapped_of(const Result<Answer>& answer) {
  return read<Wrapped>(answer, [](Reader& reader) {
    return Wrapped{reader.text("name"), reader.version(), reader.bytes("wrapped")};
  });
}
Result<Given> given_of(const Result<Answer>& answer, std::string_view member) {
  return read<Given>(answer, [&](Reader& reader) {
    return Given{reader.text("name"), reader.version(), reader.secret(member)};
  });
}
Result<Mac> mac_of(const Result<Answer>& answer) {
  return read<Mac>(answer, [](Reader& reader) {
    return Mac{reader.text("name"), reader.version(), reader.text("algorithm"), reader.bytes("tag"),
               reader.bytes("envelope")};
  });
}
Result<base::SecretBytes> random_of(const Result<Answer>& answer) {
  return read<base::SecretBytes>(answer, [](Reader& reader) { return reader.secret("bytes"); });
}
Result<PublicKey> public_key_of(const Result<Answer>& answer) {
  return read<PublicKey>(answer, [](Reader& reader) {
    return PublicKey{reader.text("name"), reader.version(),    reader.text("type"),
                     reader.bytes("raw"), reader.bytes("der"), reader.text("pem")};
  });
}
Result<base::Bytes> document_of(const Result<Answer>& answer) {
  return read<base::Bytes>(answer, [](Reader& reader) { return reader.bytes("document"); });
}

Result<Health> health_of(const Answer& answer) {
  const auto fields = JsonFields::parse(answer.body);
  const auto ready = fields ? fields->flag("ready") : Result<bool>(fields.error());
  if (!ready) {
    return answer.status / 100 == 2 ? malformed_response(ready.error(), answer) : error_of(answer);
  }
  return Health{*ready, std::string(base::as_text(answer.body.expose(base::SecretAccess{})))};
}

Error not_ready(const Answer& answer) {
  const auto health = health_of(answer);
  if (!health) return health.error();
  return {"not_ready", health->json.substr(0, health->json.find('\n')), answer.request_id,
          answer.status};
}

}  // namespace concordat::client::calls
