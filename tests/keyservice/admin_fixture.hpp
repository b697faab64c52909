// A custodian's answers to one operator, who was admitted by a real handshake under a policy that
// pins the custody's root.
#pragma once

#include <gtest/gtest.h>

#include "attest/base/secret_access.hpp"
#include "keyservice/admin_server.hpp"
#include "tests/peer/dialogue.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {

// The same whenever it is asked for.
inline CustodianStatus sample_status() {
  CustodianStatus status;
  status.enclave = {"1.2.3", "i-0123-enc4567", {}};
  status.enclave.pcrs.emplace(0, test::image_pcr("custodian-1", 0));
  status.enclave.pcrs.emplace(16, test::image_pcr("custodian-1", 1));
  status.role = "custodian";
  status.policy_serial = 7;
  status.policy_digest = base::sha256({base::as_bytes("policy")});
  status.root.emplace();
  status.root->generation = 2;
  status.keyring.emplace();
  status.keyring->is_loaded = true;
  status.keyring->keys = 12;
  status.keyring->head = {34, base::sha256({base::as_bytes("head")})};
  status.audit_log = {true, "", 1234, test::kNow, 5};
  status.now = test::kNow;
  status.uptime = std::chrono::hours(5);
  status.anchor_age = std::chrono::seconds(9);
  status.counts = {1, 2, 3, 4, 5, 6};
  status.channels = {{"payments", 2}, {"reports", 1}};
  status.operator_channels = {{"dana", 1}};
  status.memory = {3, 400, 1};
  return status;
}

class AdministeredCustodian {
 public:
  AdministeredCustodian() {
    world_.edit_policy = [this](std::string text) {
      text = test::replaced(std::move(text), "\"generations\": []",
                            R"("generations": [{"generation": 1, "state": "current", )"
                            R"("commitment": ")" +
                                pinned_.hex() + "\"}" + further_ + "]");
      text = test::replaced(std::move(text), "\"purposes\": {",
                            "\"purposes\": {\"audit\": {\"initiator\": [], \"responder\": "
                            "[\"custodian\"]},");
      return test::with_operator(std::move(text), "dana", dana_.public_key(),
                                 "\"admin\", \"audit\"");
    };
  }
  policy::AdmittedOperator admitted(const std::string& purpose = "admin") {
    peer::Dialogue d(world_, dana_, custodian_);
    d.purpose = purpose;
    d.run();
    return std::get<policy::AdmittedOperator>(std::move(d.responder()).take_established().peer);
  }
  // What the operator got, to the end, and what the custodian is told of it.
  struct Answer {
    ServedAdmin served;
    std::vector<AdminReply> parts;
    AdminReply last;
    std::vector<std::size_t> sizes;  // of the records

    // The failure's; empty where it was done.
    [[nodiscard]] const std::string& code() const { return last.failure.code; }
  };
  Answer ask_encoded(const policy::AdmittedOperator& who, base::BytesView record,
                     std::uint64_t serial = 1) {
    Answer out;
    int times = 0;
    server_.serve(world_.policy(serial), who, record, now_, [&](ServedAdmin served) {
      ++times;
      out.served = std::move(served);
    });
    loaded_.shared.run();
    EXPECT_EQ(times, 1);
    if (times == 1) read(out);
    return out;
  }
  const policy::AdmittedOperator& dana() {
    if (!dana_admitted_) dana_admitted_ = admitted();
    return *dana_admitted_;
  }
  Answer ask(AdminBody body, std::uint64_t id = 9) {
    const base::SecretBytes record = encode(AdminRequest{id, std::move(body)});
    return ask_encoded(dana(), record.expose(base::SecretAccess{}));
  }
  static void read(Answer& out) {
    bool is_over = false;
    while (const auto record = out.served.answer->next()) {
      EXPECT_FALSE(is_over) << "a record behind the last";
      out.sizes.push_back(record->size());
      AdminReply reply = decode_admin_reply(*record).value();
      is_over = reply.kind != AdminReplyKind::part;
      is_over ? void(out.last = std::move(reply)) : out.parts.push_back(std::move(reply));
    }
    EXPECT_TRUE(is_over) << "no last record";
  }

  std::string further_;  // root generations that the policy pins behind the first
  policy::SigningKey dana_ = test::operator_key();
  test::TestWorld world_;
  test::TestEnclave custodian_{world_, "custodian-1", "custodian"};
  test::LoadedCustody loaded_;
  Custody& custody_ = loaded_.custody;
  RootCommitment pinned_ = custody_.root().commitment();
  base::UnixMillis now_ = test::kNow;
  base::Result<CustodianStatus> status_{sample_status()};
  AdminServer server_{custody_, [this] { return status_; }};
  std::optional<policy::AdmittedOperator> dana_admitted_;
};

class AdminFixture : public testing::Test, protected AdministeredCustodian {};

}  // namespace concordat::keyservice
