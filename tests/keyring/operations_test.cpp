// Which operations keys of a type do: the table, and that each operation obeys it.
#include <gtest/gtest.h>

#include "keyservice/keyring/allowed_operations.hpp"
#include "keyservice/keyring/derivation.hpp"
#include "keyservice/keyring/public_key.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "keyservice/keyring/signing.hpp"
#include "tests/keyring/keys.hpp"
#include "tests/support/golden.hpp"

namespace concordat::keyservice {
namespace {

using policy::Operation;

std::vector<Operation> all_operations() {
  std::vector<Operation> out;
  for (std::size_t i = 1; i <= policy::kOperations; ++i)
    out.push_back(static_cast<Operation>(i));
  return out;
}

std::string padded(std::string_view text) {
  std::string out(text);
  out.resize(9, ' ');
  return out;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

TEST(AllowedOperations, AreTheTable) {
  std::string line = padded("");
  for (const Operation operation : all_operations())
    line += padded(policy::to_string(operation));
  std::string found = trimmed(line);
  for (const KeyType type : kKeyTypes) {
    line = padded(to_string(type));
    for (const Operation operation : all_operations())
      line += padded(is_allowed(type, operation) ? "x" : "");
    found += trimmed(line);
  }
  test::expect_golden("tests/keyring/golden/operations.txt", found);
}

TEST(AllowedOperations, NothingElseIsAllowed) {
  EXPECT_FALSE(is_allowed(static_cast<KeyType>(0), Operation::get));
  EXPECT_FALSE(is_allowed(static_cast<KeyType>(8), Operation::get));
}

// The outcome of one operation with a key of `type`, given what it needs.
std::string outcome(Operation operation, const KeyInUse& key) {
  base::SystemRandom random;
  const base::Bytes message{1, 2, 3};
  const auto plaintext = base::SecretBytes::random(32);
  const bool seals = is_allowed(key.type, Operation::encrypt);
  const bool macs = is_allowed(key.type, Operation::mac);
  switch (operation) {
    case Operation::get:
      return refusal(get(key));
    case Operation::sign:
      return refusal(sign(key, message));
    case Operation::verify: {
      if (!is_allowed(key.type, operation)) return refusal(verify(key, Envelope{}, message));
      const auto made = macs ? mac(key, message) : sign(key, message);
      return refusal(verify(key, made.value(), message));
    }
    case Operation::encrypt:
      return refusal(encrypt(key, {}, plaintext, random));
    case Operation::decrypt:
      return refusal(
          decrypt(key, {}, seals ? encrypt(key, {}, plaintext, random).value() : Envelope{}));
    case Operation::wrap:
      return refusal(wrap_bytes(key, plaintext, random));
    case Operation::unwrap:
      return refusal(unwrap(key, seals ? wrap_bytes(key, plaintext, random).value() : Envelope{}));
    case Operation::mac:
      return refusal(mac(key, message));
    case Operation::derive:
      if (key.type != KeyType::x25519) return refusal(derive(key, message, 32));
      return refusal(agree(key, PeerPublicKey::from(base::Bytes(32, 9)).value(), message, 32));
    case Operation::random:
      return refusal(check_allowed(key, operation));
    case Operation::public_key:
      return refusal(public_key(key));
  }
  return "unknown";
}

TEST(AllowedOperations, EachOperationObeysTheTable) {
  for (const KeyType type : kKeyTypes) {
    const TestKey key(type);
    for (const Operation operation : all_operations()) {
      EXPECT_EQ(outcome(operation, key.in_use()),
                is_allowed(type, operation) ? "" : "operation_not_of_key")
          << to_string(type) << " " << policy::to_string(operation);
    }
  }
}

TEST(AllowedOperations, NoOperationWorksWithoutMaterialOrRoot) {
  for (const KeyType type : kKeyTypes) {
    const TestKey whole(type);
    KeyInUse key = whole.in_use();
    key.material = nullptr;
    key.root = nullptr;
    EXPECT_EQ(refusal(get(key)), "bad_key_material") << to_string(type);
    if (is_allowed(type, Operation::sign)) {
      EXPECT_EQ(refusal(sign(key, {})), "bad_key_material") << to_string(type);
    }
  }
}

TEST(KeyErrors, HaveNamesOfTheirOwn) {
  std::vector<std::string_view> names;
  for (int i = 1; i <= static_cast<int>(KeyErrc::name_reserved); ++i)
    names.push_back(describe(static_cast<KeyErrc>(i)).name);
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  EXPECT_FALSE(std::ranges::binary_search(names, "unknown"));
  EXPECT_EQ(describe(static_cast<KeyErrc>(names.size() + 1)).name, "unknown");
}

}  // namespace
}  // namespace concordat::keyservice
