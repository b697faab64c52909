// `concordat session settle` at a custodian's own answers: what it destroys by which receipts, and
// that it asks for nothing by any other.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "keyservice/session_shares.hpp"
#include "tests/cli/local_channel.hpp"
#include "tests/cli/operator_cli.hpp"
#include "tests/frost/session_fixture.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using nlohmann::json;
using session::PartyIndex;
using session::SessionWorld;
using session::frost::GroupInfo;

class SessionSettle : public OperatorCli {
 protected:
  SessionSettle() {
    world_.edit_policy = [this](PartyIndex, const std::string& text) {
      json policy = json::parse(text);
      policy["serial"] = 7;
      policy["sessions"]["sums"]["protocol"] = "frost-reshare/1";
      return with_dana(policy.dump(2));
    };
    write("authority.cbor", world_.realms[0].authority.encoded());
    for (std::size_t i = 1; i < world_.realms.size(); ++i)
      write(std::to_string(i + 1) + ".cbor", world_.realms[i].authority.encoded());
    write("root.der", world_.pki->root_der());
    write("old-group", old_.encoded());
    write_own_policy();
    write("receipt.cbor", receipt_of_resharing());
    for (const GroupInfo& group : {old_, other_})
      seal_under(key_of(group));
  }
  // As a custodian does it when it first seals a share.
  void seal_under(const std::string& key) {
    at_.custody_.keyring().create({key, keyservice::KeyType::derived, false, at_.now_, {}},
                                  [](const auto& made) { ASSERT_TRUE(made); });
    at_.loaded_.shared.run();
  }
  // In force now, whenever that is.
  [[nodiscard]] std::string with_dana(std::string text) const {
    const base::UnixMillis now = base::system_wall_clock();
    const auto time = [](base::UnixMillis at) {
      return base::format_rfc3339({at.value / 1000 * 1000});
    };
    text =
        test::replaced(std::move(text), "2026-01-01T00:00:00Z", time(now - std::chrono::hours(1)));
    text =
        test::replaced(std::move(text), "2026-01-31T00:00:00Z", time(now + std::chrono::hours(24)));
    return test::with_operator(std::move(text), "dana", dana_.public_key());
  }
  void write_own_policy(const std::function<std::string(std::string)>& edit = {}) {
    std::string text = world_.policy_text(1);
    if (edit) text = edit(std::move(text));
    policy::Envelope envelope{
        std::string(policy::kPolicyPayloadType), base::to_bytes(base::as_bytes(text)), {}};
    policy::add_signature(envelope, world_.realms[0].keys.front()).value();
    write("policy.signed.json", envelope.encode());
  }
  // All three parties confirmed that they reshared the key.
  [[nodiscard]] Bytes receipt_of_resharing() {
    const json everybody = {{"1", 1}, {"2", 2}, {"3", 3}};
    const std::string parameters = json{
        {"group", base::to_hex(old_.encoded())},
        {"dealers", everybody},
        {"holders", everybody}}.dump();
    session::DescriptorFields fields = world_.fields();
    fields.protocol = "frost-reshare/1";
    fields.parameters = base::to_bytes(base::as_bytes(parameters));
    const auto descriptor =
        session::VerifiedDescriptor::verify(world_.sign(encode_descriptor(fields).value()),
                                            world_.authorities(), session::take_any)
            .value();
    // It forms under a policy of the world's own time.
    const auto edit = std::exchange(world_.edit_policy, [](PartyIndex, const std::string& text) {
      return test::replaced(text, "\"aggregate/1\"", "\"frost-reshare/1\"");
    });
    session::RelayNet net(world_, 1);
    for (PartyIndex index = 1; index <= 3; ++index)
      net.start(index, descriptor);
    net.run();
    world_.edit_policy = edit;
    return session::receipt_of(net.instances(), 0, base::as_bytes("the new group"), world_.wall)
        .value();
  }
  json settle(int status, std::vector<std::string> more = {},
              const std::string& role = "payments") {
    open_next([this] { return std::make_unique<LocalChannel>(custodian(), at_, operations_); });
    std::vector<std::string> arguments{"session", "settle", path("receipt.cbor"),
                                       "--role",  role,     "--json"};
    for (const char* other : {"2.cbor", "3.cbor"}) {
      arguments.emplace_back("--party-authority");
      arguments.push_back(path(other));
    }
    arguments.insert(arguments.end(), more.begin(), more.end());
    const Outcome ended =
        run_at_custodian(std::move(arguments), {"--lab-root", path("root.der")}, true);
    EXPECT_EQ(ended.status, status) << ended.out << ended.err;
    return json::parse(ended.out, nullptr, false);
  }
  static std::string key_of(const GroupInfo& group) {
    return keyservice::session_share_key("payments", base::sha256({group.encoded()}));
  }
  base::Status usable(const GroupInfo& group) {
    const auto key = at_.custody_.for_reading(key_of(group), 1);
    return key ? base::Status() : key.error();
  }

  SessionWorld world_{3};
  GroupInfo old_ = session::frost::test::made_key(2, 3).group;
  GroupInfo other_ = session::frost::test::made_key(2, 3).group;
  keyservice::AdministeredCustodian at_;
  std::vector<std::string> operations_;  // that were asked for
};

TEST_F(SessionSettle, EndsWhatTheResharingReplacedAndNothingElse) {
  ASSERT_TRUE(usable(old_));
  const json said = settle(0);
  EXPECT_EQ(said.at("session"), "sums/2026-01");
  EXPECT_EQ(said.at("destroyed"), json::parse(R"([{"key": ")" + key_of(old_) +
                                              R"(", "epoch": 0, "state": "destroyed"}])"));
  EXPECT_EQ(operations_, std::vector<std::string>{"destroy"});
  const base::Status ended = usable(old_);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().name(), "key_destroyed");
  EXPECT_TRUE(usable(other_));
  // Of another role: an enclave of it has a share of its own, perhaps.
  EXPECT_TRUE(at_.custody_.for_reading(
      keyservice::session_share_key("reports", base::sha256({old_.encoded()})), 1));
  EXPECT_EQ(settle(0, {"--group", path("old-group")}).at("destroyed").size(), 1u) << "once more";
}

TEST_F(SessionSettle, WhatSealedNothingIsNotSaidToBeDestroyed) {
  write_own_policy([](std::string text) {
    json policy = json::parse(text);
    policy["sessions"]["sums"]["own_roles"] = {"payments", "reports"};
    return policy.dump(2);
  });
  const std::string key = keyservice::session_share_key("reports", base::sha256({old_.encoded()}));
  EXPECT_EQ(settle(2, {}, "reports").at("code"), "key_unknown");
  EXPECT_EQ(at_.custody_.keyring().keys().find(key), nullptr);
  EXPECT_TRUE(usable(old_));
}

TEST_F(SessionSettle, NothingIsAskedForUnlessTheReceiptShowsIt) {
  write("other-group", other_.encoded());
  EXPECT_EQ(settle(2, {"--group", path("other-group")}).at("code"), "not_settled_by");
  EXPECT_EQ(settle(2, {"--group", path("old-group"), "--group", path("other-group")}).at("code"),
            "not_settled_by")
      << "all of them, or none";
  EXPECT_EQ(settle(2, {"--group", path("root.der")}).at("code"), "bad_group");
  // Whoever takes part by an image that the realm does not know confirms what it likes.
  write_own_policy([](std::string text) {
    json policy = json::parse(text);
    policy["sessions"]["sums"]["realms"]["bank-3"]["roles"]["payments"]["images"] = {"custodian-1"};
    return policy.dump(2);
  });
  EXPECT_EQ(settle(2).at("code"), "image_differs");
  write_own_policy([](std::string text) {
    json policy = json::parse(text);
    policy["sessions"]["sums"]["protocol"] = "frost-sign/1";
    return policy.dump(2);
  });
  EXPECT_EQ(settle(2).at("code"), "session_unknown");
  write_own_policy();
  Bytes changed = base::read_file(path("receipt.cbor"), 1 << 20).value();
  changed.back() ^= 1;
  write("receipt.cbor", changed);
  settle(2);
  EXPECT_EQ(operations_, std::vector<std::string>());
  EXPECT_TRUE(usable(old_));
}

}  // namespace
}  // namespace concordat::cli
