// What each call asks and how its answer is read: the agent's API as a table of functions.
#pragma once

#include "client/exchange.hpp"

namespace concordat::client::calls {

[[nodiscard]] Result<Order> get_key(std::string_view name, std::uint32_t version);
[[nodiscard]] Result<Order> sign(std::string_view name, Input message);
[[nodiscard]] Result<Order> verify(std::string_view name, Input message, base::BytesView envelope);
[[nodiscard]] Result<Order> encrypt(std::string_view name, Input plaintext,
                                    base::BytesView associated_data);
[[nodiscard]] Result<Order> decrypt(std::string_view name, base::BytesView ciphertext,
                                    base::BytesView associated_data);
[[nodiscard]] Result<Order> wrap(std::string_view name, Input bytes);
[[nodiscard]] Result<Order> wrap_key(std::string_view name, std::string_view key,
                                     std::uint32_t version);
[[nodiscard]] Result<Order> unwrap(std::string_view name, base::BytesView wrapped);
[[nodiscard]] Result<Order> mac(std::string_view name, Input message);
[[nodiscard]] Result<Order> derive(std::string_view name, const DeriveOrder& order);
[[nodiscard]] Result<Order> random(std::string_view name, std::size_t size);
[[nodiscard]] Result<Order> public_key(std::string_view name, std::uint32_t version);
[[nodiscard]] Result<Order> attestation(std::optional<base::BytesView> nonce,
                                        std::optional<base::BytesView> user_data);
// Only its target: the body is not at hand as a whole.
[[nodiscard]] Result<Order> stream(std::string_view operation, std::string_view name,
                                   base::BytesView associated_data);
[[nodiscard]] Order health();
[[nodiscard]] Order wait_for_ready(std::chrono::seconds timeout);

// An answer is 2xx or an error already.
[[nodiscard]] Result<Key> key_of(const Result<Answer>& answer);
[[nodiscard]] Result<Signature> signature_of(const Result<Answer>& answer);
[[nodiscard]] Result<Verified> verified_of(const Result<Answer>& answer);
[[nodiscard]] Result<Ciphertext> ciphertext_of(const Result<Answer>& answer);
[[nodiscard]] Result<Wrapped> wrapped_of(const Result<Answer>& answer);
// `member` holds the bytes.
[[nodiscard]] Result<Given> given_of(const Result<Answer>& answer, std::string_view member);
[[nodiscard]] Result<Mac> mac_of(const Result<Answer>& answer);
[[nodiscard]] Result<base::SecretBytes> random_of(const Result<Answer>& answer);
[[nodiscard]] Result<PublicKey> public_key_of(const Result<Answer>& answer);
[[nodiscard]] Result<base::Bytes> document_of(const Result<Answer>& answer);
// 200 or 503 with health's body.
[[nodiscard]] Result<Health> health_of(const Answer& answer);
// What an answer of wait-for-ready other than 200 says.
[[nodiscard]] Error not_ready(const Answer& answer);

}  // namespace concordat::client::calls
