// Operators administer keys: what each command does to the keyring, what is answered, and that no
// answer holds more than it should, of secrets or of the table.
#include "keyservice/admin_keys.hpp"

#include <gtest/gtest.h>

#include <set>

#include "keyservice/error.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "tests/keyring/keys.hpp"
#include "tests/keyservice/admin_fixture.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::SecretAccess;
using base::SecretBytes;
using StoreFailure = test::MemoryStore::Failure;

// What `openssl genpkey -algorithm ed25519` writes for this seed.
SecretBytes pkcs8_of(BytesView seed) {
  Bytes der = base::from_hex("302e020100300506032b657004220420").value();
  base::append(der, seed);
  return SecretBytes::take(der);
}

class AdminKeysTest : public AdminFixture {
 protected:
  // The key that it ended with.
  ShownKey done(AdminBody body) {
    const Answer answer = ask(std::move(body));
    EXPECT_EQ(answer.code(), "") << answer.last.failure.detail;
    if (!answer.code().empty()) return {};
    EXPECT_TRUE(answer.parts.empty());
    return decode_key(answer.last).value();
  }
  std::string code(AdminBody body) { return ask(std::move(body)).code(); }
  void create(const std::string& name, KeyType type, bool exportable = false) {
    EXPECT_EQ(done(CreateKeyRequest{name, type, exportable}).summary.name, name);
  }
  struct Described {
    ShownKey key;
    std::vector<ShownVersion> versions;
  };
  Described describe(const std::string& name) {
    const Answer answer = ask(DescribeKeyRequest{name});
    EXPECT_EQ(answer.code(), "");
    Described out;
    for (const AdminReply& part : answer.parts)
      std::ranges::move(decode_versions(part).value(), std::back_inserter(out.versions));
    out.key = decode_key(answer.last).value();
    return out;
  }
  std::vector<std::string> listed(const std::string& pattern) {
    const Answer answer = ask(ListKeysRequest{pattern});
    EXPECT_EQ(answer.code(), "");
    std::vector<std::string> names;
    for (const AdminReply& part : answer.parts) {
      for (const ShownKey& key : decode_keys(part).value())
        names.push_back(key.summary.name);
    }
    EXPECT_EQ(decode_key_count(answer.last).value(), names.size());
    return names;
  }
  KeyInUse in_use(const std::string& name, std::uint32_t version = 0) {
    return custody_.for_reading(name, version).value();
  }
};

TEST_F(AdminKeysTest, CreatesKeysOfEveryType) {
  for (const KeyType type : kKeyTypes) {
    const std::string name = "payments/" + std::string(to_string(type));
    const ShownKey made = done(CreateKeyRequest{name, type, type == KeyType::p256});
    EXPECT_EQ(made.summary.type, type);
    EXPECT_EQ(made.summary.exportable, type == KeyType::p256);
    EXPECT_EQ(made.summary.newest_version, 1u);
    EXPECT_EQ(made.summary.created, now_);
    EXPECT_TRUE(made.is_recorded);
    const ShownVersion version = describe(name).versions.at(0);
    EXPECT_EQ(version.description.origin,
              type == KeyType::derived ? KeyOrigin::derived : KeyOrigin::generated);
    const auto half = public_key(in_use(name));
    ASSERT_EQ(version.public_key.has_value(), half.has_value()) << name;
    if (!half) continue;
    EXPECT_EQ(version.public_key->pem(), half->pem());
  }
  EXPECT_EQ(code(CreateKeyRequest{"payments/p256", KeyType::p384, false}), "key_exists");
  EXPECT_EQ(code(CreateKeyRequest{"payments//x", KeyType::p384, false}), "bad_key_name");
}

TEST_F(AdminKeysTest, ImportsWhatItIsGiven) {
  const Bytes seed(32, 0x61);
  done(ImportKeyRequest{"raw", KeyType::ed25519, false, 0, KeyFormat::raw, secret(seed)});
  done(ImportKeyRequest{"file", KeyType::ed25519, true, 0, KeyFormat::pkcs8, pkcs8_of(seed)});
  EXPECT_EQ(hex(*in_use("raw").material), hex(seed));
  EXPECT_EQ(describe("raw").versions.at(0).public_key->raw,
            describe("file").versions.at(0).public_key->raw);
  EXPECT_TRUE(describe("file").key.summary.exportable);
  EXPECT_EQ(describe("file").versions.at(0).description.origin, KeyOrigin::imported);

  const auto import = [&](KeyType type, std::uint32_t newest, SecretBytes material,
                          KeyFormat format = KeyFormat::raw, const std::string& name = "raw") {
    return code(ImportKeyRequest{name, type, false, newest, format, std::move(material)});
  };
  EXPECT_EQ(import(KeyType::ed25519, 0, secret(seed)), "key_exists");
  EXPECT_EQ(import(KeyType::aes256, 1, secret(seed)), "other_key_type") << "of the same size";
  EXPECT_EQ(import(KeyType::ed25519, 2, secret(seed)), "version_differs");
  EXPECT_EQ(import(KeyType::ed25519, 1, secret(Bytes(31, 1))), "bad_key_material");
  EXPECT_EQ(import(KeyType::derived, 0, secret(seed), KeyFormat::raw, "new"), "other_key_type");
  EXPECT_EQ(import(KeyType::ed25519, 0, secret(seed), KeyFormat::pkcs8, "new"), "bad_key_material");
  EXPECT_EQ(import(KeyType::ed25519, 1, secret(seed), KeyFormat::raw, "new"), "key_unknown");
  EXPECT_EQ(listed("*"), (std::vector<std::string>{"file", "raw"}));

  EXPECT_EQ(import(KeyType::ed25519, 1, secret(Bytes(32, 0x62))), "");
  EXPECT_EQ(describe("raw").key.summary.newest_version, 2u);
  EXPECT_EQ(code(RotateKeyRequest{"raw", 2, false}), "operation_not_of_key")
      << "the custodian cannot make the next version of what others gave";
}

// With these a custodian seals what nobody else is to open.
TEST_F(AdminKeysTest, MakesNoKeyUnderANameOfTheCustodiansOwn) {
  const std::string name = "session-shares/payments/5e";
  for (const KeyType type : kKeyTypes)
    EXPECT_EQ(code(CreateKeyRequest{name, type, false}), "name_reserved");
  for (const std::uint32_t newest : {0u, 1u}) {
    EXPECT_EQ(code(ImportKeyRequest{name, KeyType::aes256, false, newest, KeyFormat::raw,
                                    secret(Bytes(32, 0x61))}),
              "name_reserved");
  }
  EXPECT_TRUE(listed("*").empty());
  custody_.keyring().create({name, KeyType::derived, false, now_, {}}, [](const auto&) {});
  loaded_.shared.run();
  EXPECT_EQ(code(RotateKeyRequest{name, 1, false}), "") << "the custodian makes the next version";
  EXPECT_EQ(code(SetKeyStateRequest{VersionState::destroyed, name, 0, false}), "");
}

// No answer, and nothing that the log is told, holds what was imported.
TEST_F(AdminKeysTest, ImportedBytesComeBackNowhere) {
  const Bytes seed(32, 0x63);
  const Answer answer =
      ask(ImportKeyRequest{"k", KeyType::ed25519, true, 0, KeyFormat::raw, secret(seed)});
  EXPECT_EQ(answer.served.operation, "import");
  EXPECT_EQ(answer.served.key_name, "k");
  EXPECT_EQ(answer.served.version, 1u);
  const std::string looked_for(base::as_text(seed));
  const Answer described = ask(DescribeKeyRequest{"k"});
  const Answer listing = ask(ListKeysRequest{"*"});
  std::vector<Bytes> shown{answer.last.items};
  for (const Answer* const other : {&described, &listing}) {
    for (const AdminReply& part : other->parts)
      shown.push_back(part.items);
    shown.push_back(other->last.items);
  }
  for (const Bytes& items : shown)
    EXPECT_EQ(std::string(base::as_text(items)).find(looked_for), std::string::npos);
  for (const auto& [name, sealed] : loaded_.shared.ever)
    EXPECT_EQ(std::string(base::as_text(sealed)).find(looked_for), std::string::npos) << name;
}

TEST_F(AdminKeysTest, RotatesWhatItSawAndOnce) {
  create("k", KeyType::aes256);
  const Envelope before = encrypt(in_use("k"), {}, secret(Bytes{1}), loaded_.random).value();
  now_ = now_ + std::chrono::hours(1);
  const Answer rotated = ask(RotateKeyRequest{"k", 1, false});
  EXPECT_EQ(rotated.served.version, 2u);
  EXPECT_EQ(decode_key(rotated.last).value().summary.created, now_);
  EXPECT_EQ(code(RotateKeyRequest{"k", 1, false}), "version_differs") << "the same once more";
  EXPECT_EQ(describe("k").versions.size(), 2u);
  EXPECT_TRUE(decrypt(in_use("k", 1), {}, before)) << "old ones are read";
  create("d", KeyType::derived);
  EXPECT_EQ(done(RotateKeyRequest{"d", 1, false}).summary.newest_version, 2u);
  EXPECT_EQ(describe("d").versions.at(1).description.root_generation, 1u);
  EXPECT_NE(describe("d").versions.at(0).public_key->raw,
            describe("d").versions.at(1).public_key->raw);
}

// Every name that has no record stands for a derived key, mistyped ones too.
TEST_F(AdminKeysTest, ANameWithoutARecordIsChangedOnlyWhereThatIsMeant) {
  const Described implicit = describe("payments/card");
  EXPECT_FALSE(implicit.key.is_recorded);
  EXPECT_EQ(implicit.key.summary.type, KeyType::derived);
  EXPECT_EQ(implicit.key.summary.newest_version, 1u);
  ASSERT_EQ(implicit.versions.size(), 1u);
  EXPECT_EQ(implicit.versions[0].public_key->raw, public_key(in_use("payments/card"))->raw);
  EXPECT_TRUE(listed("*").empty());

  const auto change = [](bool is_meant) {
    std::vector<AdminBody> out;
    out.emplace_back(RotateKeyRequest{"rotated", 1, is_meant});
    out.emplace_back(SetKeyStateRequest{VersionState::disabled, "disabled", 0, is_meant});
    out.emplace_back(SetKeyStateRequest{VersionState::destroyed, "destroyed", 0, is_meant});
    out.emplace_back(SetMinimumVersionRequest{"minimum", 1, is_meant});
    return out;
  };
  for (AdminBody& body : change(false))
    EXPECT_EQ(code(std::move(body)), "key_unknown");
  EXPECT_TRUE(listed("*").empty());
  for (AdminBody& body : change(true))
    EXPECT_EQ(code(std::move(body)), "");
  EXPECT_EQ(listed("*"), (std::vector<std::string>{"destroyed", "disabled", "minimum", "rotated"}));
  EXPECT_EQ(describe("rotated").key.summary.newest_version, 2u);
}

TEST_F(AdminKeysTest, DisablesEnablesAndDestroysKeysAndVersions) {
  create("k", KeyType::ed25519);
  done(RotateKeyRequest{"k", 1, false});
  const auto set = [&](VersionState state, std::uint32_t version) {
    return ask(SetKeyStateRequest{state, "k", version, false});
  };
  const Answer disabled = set(VersionState::disabled, 0);
  EXPECT_EQ(disabled.served.operation, "disable");
  EXPECT_EQ(disabled.served.version, 0u);
  EXPECT_EQ(decode_key(disabled.last).value().summary.state, VersionState::disabled);
  EXPECT_EQ(code(RotateKeyRequest{"k", 2, false}), "key_disabled");
  EXPECT_EQ(set(VersionState::disabled, 0).code(), "") << "it is so already";
  EXPECT_EQ(set(VersionState::enabled, 0).code(), "");
  const Bytes first = describe("k").versions.at(0).public_key->raw;
  EXPECT_EQ(set(VersionState::disabled, 1).served.version, 1u);
  EXPECT_EQ(describe("k").versions.at(0).description.state, VersionState::disabled);
  EXPECT_EQ(describe("k").versions.at(0).public_key->raw, first) << "to verify what it signed";
  const Answer destroyed = set(VersionState::destroyed, 1);
  EXPECT_EQ(destroyed.served.operation, "destroy");
  EXPECT_FALSE(describe("k").versions.at(0).public_key);
  EXPECT_EQ(set(VersionState::enabled, 1).code(), "version_destroyed");
  EXPECT_EQ(set(VersionState::disabled, 3).code(), "version_unknown");
  EXPECT_EQ(set(VersionState::destroyed, 0).code(), "");
  EXPECT_EQ(set(VersionState::enabled, 0).code(), "key_destroyed");
  EXPECT_EQ(listed("*"), std::vector<std::string>{"k"}) << "its name stays";
}

TEST_F(AdminKeysTest, SetsTheMinimum) {
  create("k", KeyType::aes256);
  done(RotateKeyRequest{"k", 1, false});
  const Answer set = ask(SetMinimumVersionRequest{"k", 2, false});
  EXPECT_EQ(set.served.operation, "set-minimum");
  EXPECT_EQ(set.served.version, 2u);
  EXPECT_EQ(decode_key(set.last).value().summary.minimum_version, 2u);
  EXPECT_FALSE(custody_.for_reading("k", 1));
  EXPECT_EQ(code(SetMinimumVersionRequest{"k", 3, false}), "version_unknown");
}

TEST_F(AdminKeysTest, RewrapsUnderTheNewestVersionWithoutShowingWhatIsInside) {
  create("k", KeyType::aes256);
  const Bytes associated{7, 7};
  const Bytes plaintext = base::to_bytes(base::as_bytes("4111 1111 1111 1111"));
  const Bytes old =
      encode(encrypt(in_use("k"), associated, secret(plaintext), loaded_.random).value());
  done(RotateKeyRequest{"k", 1, false});
  const Answer answer = ask(RewrapRequest{associated, old});
  EXPECT_EQ(answer.code(), "");
  EXPECT_EQ(answer.served.key_name, "k");
  EXPECT_EQ(answer.served.version, 2u);
  const Rewrapped made = decode_rewrapped(answer.last).value();
  EXPECT_EQ(made.version, 2u);
  const Envelope envelope = decode_envelope(made.envelope).value();
  EXPECT_EQ(envelope.key_version, 2u);
  EXPECT_EQ(hex(decrypt(in_use("k"), associated, envelope).value()), hex(plaintext));
  EXPECT_EQ(std::string(base::as_text(answer.last.items)).find("4111"), std::string::npos);

  const auto refused = [&](const Bytes& bound, const Bytes& made_by) {
    const Answer refusal = ask(RewrapRequest{bound, made_by});
    EXPECT_EQ(std::string(base::as_text(refusal.last.items)).find("4111"), std::string::npos);
    return refusal.code();
  };
  EXPECT_EQ(refused({7}, old), "authentication_failed");
  Bytes altered = old;
  altered.back() ^= 1;
  EXPECT_EQ(refused(associated, altered), "authentication_failed");
  EXPECT_EQ(refused(associated, {1}), "envelope_malformed");
  done(SetMinimumVersionRequest{"k", 2, false});
  EXPECT_EQ(refused(associated, old), "version_below_minimum");
  EXPECT_EQ(refused(associated, made.envelope), "") << "the newest of it, made anew";
}

TEST_F(AdminKeysTest, ListsByPattern) {
  for (const char* const name :
       {"payments", "payments/a", "payments/eu/b", "payments0", "reports/a"})
    create(name, KeyType::derived);
  EXPECT_EQ(listed("*").size(), 5u);
  EXPECT_EQ(listed("payments/*"), (std::vector<std::string>{"payments/a", "payments/eu/b"}));
  EXPECT_EQ(listed("payments"), std::vector<std::string>{"payments"});
  EXPECT_TRUE(listed("nothing/*").empty());
  EXPECT_TRUE(listed("nothing").empty());
  EXPECT_EQ(code(ListKeysRequest{"*/a"}), "bad_key_name");
}

// Ten thousand keys in one answer, of which there is never more at once than a record.
TEST_F(AdminKeysTest, ListsTenThousandKeysInParts) {
  constexpr std::size_t kKeys = 10'000;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kKeys; ++i) {
    const std::string number = std::to_string(100'000 + i);
    names.push_back(std::string(kMaxKeyName - number.size() - 1, 'k') + "/" + number);
    custody_.keyring().create(
        {names.back(), KeyType::derived, false, now_, {KeyOrigin::derived, 1, {}}},
        [](const auto& created) { ASSERT_TRUE(created); });
  }
  loaded_.shared.run();
  const Answer answer = ask(ListKeysRequest{"*"});
  EXPECT_EQ(answer.parts.size(), (kKeys + kListedKeys - 1) / kListedKeys);
  EXPECT_GT(answer.parts.size(), 10u);
  EXPECT_LE(std::ranges::max(answer.sizes), peer::kMaxRecordPlaintext);
  std::vector<std::string> shown;
  for (const AdminReply& part : answer.parts) {
    for (const ShownKey& key : decode_keys(part).value())
      shown.push_back(key.summary.name);
  }
  EXPECT_EQ(shown, names);
  EXPECT_EQ(decode_key_count(answer.last).value(), kKeys);
}

// The table goes on while the operator reads.
TEST_F(AdminKeysTest, AListGoesOnByNameWhenTheTableChanges) {
  const auto name = [](std::size_t i) { return "k" + std::to_string(1000 + i); };
  constexpr std::size_t kKeys = 2 * kListedKeys;
  for (std::size_t i = 0; i < kKeys; i += 2)
    create(name(i), KeyType::derived);
  for (std::size_t i = 0; i < kKeys; i += 2)
    create("m" + name(i), KeyType::derived);
  const auto next = [](ServedAdmin& served) {
    return decode_admin_reply(served.answer->next().value()).value();
  };
  ServedAdmin listing;
  const SecretBytes record = encode(AdminRequest{1, ListKeysRequest{}});
  server_.serve(world_.policy(1), admitted(), record.expose(SecretAccess{}), now_,
                [&](ServedAdmin served) { listing = std::move(served); });
  const auto first = decode_keys(next(listing)).value();
  ASSERT_EQ(first.size(), kListedKeys);
  // One before where it stands, one behind, and one that was shown is gone for good.
  create(name(1), KeyType::derived);
  create("z", KeyType::derived);
  done(SetKeyStateRequest{VersionState::destroyed, first.back().summary.name, 0, false});
  std::set<std::string> seen;
  for (const ShownKey& key : first)
    seen.insert(key.summary.name);
  AdminReply reply = next(listing);
  for (; reply.kind == AdminReplyKind::part; reply = next(listing)) {
    for (const ShownKey& key : decode_keys(reply).value())
      EXPECT_TRUE(seen.insert(key.summary.name).second) << "shown twice";
  }
  EXPECT_EQ(seen.size(), kKeys + 1);
  EXPECT_TRUE(seen.contains("z"));
  EXPECT_FALSE(seen.contains(name(1)));
}

TEST_F(AdminKeysTest, AListEndsWithTheRoot) {
  for (std::size_t i = 0; i <= kListedKeys; ++i)
    create("k" + std::to_string(1000 + i), KeyType::derived);
  ServedAdmin listing;
  const SecretBytes record = encode(AdminRequest{1, ListKeysRequest{}});
  server_.serve(world_.policy(1), admitted(), record.expose(SecretAccess{}), now_,
                [&](ServedAdmin served) { listing = std::move(served); });
  EXPECT_EQ(decode_admin_reply(listing.answer->next().value()).value().kind, AdminReplyKind::part);
  custody_.wipe();
  const AdminReply end = decode_admin_reply(listing.answer->next().value()).value();
  EXPECT_EQ(end.failure.code, "not_ready");
  EXPECT_FALSE(listing.answer->next());
}

TEST_F(AdminKeysTest, DescribesManyVersionsInParts) {
  create("k", KeyType::ed25519);
  constexpr std::uint32_t kVersions = 3 * kShownVersions + 1;
  for (std::uint32_t newest = 1; newest < kVersions; ++newest)
    done(RotateKeyRequest{"k", newest, false});
  const Answer answer = ask(DescribeKeyRequest{"k"});
  EXPECT_EQ(answer.parts.size(), 4u);
  const auto versions = describe("k").versions;
  ASSERT_EQ(versions.size(), kVersions);
  for (std::uint32_t i = 0; i < kVersions; ++i)
    EXPECT_EQ(versions[i].description.version, i + 1);
}

TEST_F(AdminKeysTest, AnotherRootTakesOverAndTheOlderOneStaysWhileSomethingLeansOnIt) {
  const Root second = Root::create(2, SecretBytes::random(kRootSize)).value();
  further_ = R"(, {"generation": 2, "state": "read_only", "commitment": ")" +
             second.commitment().hex() + "\"}";
  custody_.take(Root::from_prk(2, second.prk()).value(), "acme");
  custody_.pin(*world_.policy(1));
  status_->audit_log.root_generation = 2;
  const auto roots = [this] {
    return decode_root_status(ask(RootStatusRequest{}).last.items).value();
  };
  create("k", KeyType::derived);
  EXPECT_EQ(code(TakeOverRequest{3}), "unknown_generation");
  EXPECT_EQ(code(MoveImplicitRequest{2}), "generation_differs");
  EXPECT_EQ(code(TakeOverRequest{2}), "");
  EXPECT_EQ(roots().sealing, 2u);
  EXPECT_EQ(roots().implicit, 1u);
  EXPECT_FALSE(roots().is_snapshot_wanting);
  const auto plain = custody_.for_making("plain").value();
  EXPECT_EQ(plain.root->generation(), 1u);
  EXPECT_EQ(code(AdoptKeyRequest{"plain"}), "");
  EXPECT_EQ(code(AdoptKeyRequest{"plain"}), "") << "it is so already";
  EXPECT_EQ(code(MoveImplicitRequest{2}), "");
  EXPECT_EQ(custody_.for_making("plain")->root->generation(), 1u);
  EXPECT_EQ(custody_.for_making("other")->root->generation(), 2u);
  EXPECT_EQ(roots().generations.at(0).versions, 2u) << "of k and of plain";
  EXPECT_EQ(code(RetireRootRequest{1}), "generation_needed");
  EXPECT_EQ(code(RetireRootRequest{2}), "generation_needed");
  EXPECT_EQ(code(TakeOverRequest{1}), "generation_passed") << "none comes back";
  EXPECT_EQ(code(MakeRootRequest{base::Bytes(32, 1)}), "not_ready") << "nobody here makes any";
}

TEST_F(AdminKeysTest, WithoutAKeyringNothingIsDone) {
  const auto all = [] {
    std::vector<AdminBody> out;
    out.emplace_back(ListKeysRequest{});
    out.emplace_back(DescribeKeyRequest{"k"});
    out.emplace_back(CreateKeyRequest{"k", KeyType::aes256, false});
    out.emplace_back(RotateKeyRequest{"k", 1, true});
    out.emplace_back(SetKeyStateRequest{VersionState::destroyed, "k", 0, true});
    out.emplace_back(SetMinimumVersionRequest{"k", 1, true});
    out.emplace_back(RewrapRequest{{}, {1}});
    return out;
  };
  custody_.take(Root::create(1, SecretBytes::random(kRootSize)).value(), "acme");
  for (AdminBody& body : all())
    EXPECT_EQ(code(std::move(body)), "wrong_root") << "the policy pins another";
  custody_.wipe();
  for (AdminBody& body : all())
    EXPECT_EQ(code(std::move(body)), "not_ready");
  status_ = sample_status();
  EXPECT_EQ(code(StatusRequest{}), "") << "its status is to be had all the same";
}

TEST_F(AdminKeysTest, WhatTheStoreRefusesIsSaidAndNotDone) {
  create("k", KeyType::aes256);
  loaded_.store.fail_all(StoreFailure::full);
  EXPECT_EQ(code(RotateKeyRequest{"k", 1, false}), "store_full");
  EXPECT_EQ(describe("k").key.summary.newest_version, 1u) << "and what is there is still shown";
  loaded_.store.fail_no_more();
  EXPECT_EQ(code(RotateKeyRequest{"k", 1, false}), "");
}

// Many at once: each is answered under its own id, when it is durable and not before.
TEST_F(AdminKeysTest, ManyChangesAtOnce) {
  loaded_.store.answers_later = true;
  const auto who = admitted();
  std::map<std::uint64_t, std::string> answered;
  constexpr std::uint64_t kChanges = 20;
  for (std::uint64_t id = 1; id <= kChanges; ++id) {
    const SecretBytes record =
        encode(AdminRequest{id, CreateKeyRequest{"k" + std::to_string(id), KeyType::p256, false}});
    server_.serve(world_.policy(1), who, record.expose(SecretAccess{}), now_,
                  [&](ServedAdmin served) {
                    const auto reply = decode_admin_reply(served.answer->next().value()).value();
                    answered[reply.id] = decode_key(reply).value().summary.name;
                  });
  }
  EXPECT_TRUE(answered.empty());
  loaded_.shared.run();
  ASSERT_EQ(answered.size(), kChanges);
  for (const auto& [id, name] : answered)
    EXPECT_EQ(name, "k" + std::to_string(id));
}

// The server may go while a change waits for the store, and so may the root.
TEST_F(AdminKeysTest, AChangeOutlivesTheServerAndEndsWithTheRoot) {
  loaded_.store.answers_later = true;
  const auto who = admitted();
  auto server = std::make_unique<AdminServer>(custody_, [this] { return status_; });
  int answered = 0;
  const auto create_at = [&](AdminServer& at, const std::string& name) {
    const SecretBytes record =
        encode(AdminRequest{1, CreateKeyRequest{name, KeyType::p256, false}});
    at.serve(world_.policy(1), who, record.expose(SecretAccess{}), now_,
             [&](const ServedAdmin& served) { answered += served.outcome.has_value() ? 1 : 0; });
  };
  create_at(*server, "a");
  server.reset();
  loaded_.shared.run();
  EXPECT_EQ(answered, 1);
  create_at(server_, "b");
  custody_.wipe();
  loaded_.shared.run();
  EXPECT_EQ(answered, 1);
}

TEST(AdminKeys, WhatIsNoKeyIsRefused) {
  ShownKey key;
  key.summary.name = "payments/card";
  key.summary.created = {1767700000000};
  ShownVersion version;
  version.description.version = 3;
  version.public_key = PublicKey{KeyType::ed25519, Bytes(32, 9)};
  const auto reply = [](Bytes items, std::size_t count = 1) {
    return AdminReply{1, AdminReplyKind::last, count, std::move(items), {}};
  };
  EXPECT_EQ(encode(decode_key(reply(encode(key))).value()), encode(key));
  EXPECT_EQ(encode(decode_versions(reply(encode(version))).value().at(0)), encode(version));
  const Bytes whole_key = encode(key);
  for (std::size_t n = 0; n < whole_key.size(); ++n) {
    const auto read = decode_key(reply(base::to_bytes(BytesView(whole_key).first(n))));
    EXPECT_TRUE(read.error().is(Errc::malformed_response)) << n;
  }
  const Bytes whole_version = encode(version);
  for (std::size_t n = 0; n < whole_version.size(); ++n) {
    const auto read = decode_versions(reply(base::to_bytes(BytesView(whole_version).first(n))));
    EXPECT_TRUE(read.error().is(Errc::malformed_response)) << n;
  }
  EXPECT_TRUE(decode_key(reply({}, 0)).error().is(Errc::malformed_response));
  version.public_key->raw.pop_back();
  EXPECT_FALSE(decode_versions(reply(encode(version)))) << "a public key of another size";
  version.public_key = PublicKey{KeyType::aes256, {}};
  EXPECT_FALSE(decode_versions(reply(encode(version)))) << "a type that has none";
  EXPECT_FALSE(decode_rewrapped(reply(encode(Rewrapped{"k", 1, {1}}), 2)));
  EXPECT_TRUE(decode_rewrapped(reply(encode(Rewrapped{"k", 1, {1}}), 3)));
}

}  // namespace
}  // namespace concordat::keyservice
