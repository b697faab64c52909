// `concordat root make`: what is written, and what an attempt that was cut short left.
#include <algorithm>
#include <array>

#include "tests/cli/root_cli.hpp"

namespace concordat::cli {
namespace {

TEST_F(RootCli, MakeWritesTheGenesisDocumentOfTheSignersChallenge) {
  const Bytes document{1, 2, 3};
  std::string challenged;
  at_.server_.make_roots_by([&](const keyservice::GenesisChallenge& challenge,
                                const policy::PolicyPtr&, const auto& done) {
    challenged = challenge.hex();
    done(document);
  });
  const std::string challenge(64, 'a');
  const std::string out = path("genesis-2.cbor");
  const Outcome made = root({"make", "--challenge", challenge, "--out", out});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(made.out, "wrote " + out + ": now `concordat policy pin-root`, and sign\n");
  EXPECT_EQ(challenged, challenge);
  EXPECT_EQ(base::read_file(out, 100).value(), document);
  EXPECT_EQ(root_json({"make", "--challenge", challenge, "--out", out}),
            (json{{"ok", true}, {"document", out}}));
  EXPECT_EQ(asked(), (Operations{"root-make", "root-make"}));
}

TEST_F(RootCli, WhatIsNotMadeIsNotWritten) {
  const std::string out = path("genesis-2.cbor");
  EXPECT_EQ(code({"make", "--challenge", std::string(64, 'a'), "--out", out}), "not_ready");
  at_.server_.make_roots_by(
      [](const keyservice::GenesisChallenge&, const policy::PolicyPtr&, const auto& done) {
        done(Error(keyservice::Errc::root_already_pinned, "remove 'root-2'"));
      });
  const Outcome refused = root({"make", "--challenge", std::string(64, 'a'), "--out", out});
  EXPECT_EQ(refused.status, 2);
  EXPECT_NE(refused.err.find("remove 'root-2'"), std::string::npos) << refused.err;
  EXPECT_FALSE(std::filesystem::exists(out));
  operations_.clear();
  EXPECT_EQ(root({"make", "--challenge", "abc", "--out", out}).status, 2) << "no 32 bytes";
  EXPECT_TRUE(operations_.empty()) << "nothing was asked for";
}

// These tests' custodian finds in the store what their parent tells the operator.
class RootAnew : public RootCli {
 protected:
  RootAnew() {
    at_.server_.make_roots_by([this](const keyservice::GenesisChallenge&, const policy::PolicyPtr&,
                                     const auto& done) {
      if (is_made_meanwhile_) return done(Error(keyservice::Errc::not_ready));
      const bool has_room =
          std::ranges::none_of(std::array{kBlob, kDocument}, [&](const char* name) {
            const bool is_removed =
                answers_to_removals_ == 204 &&
                std::ranges::any_of(removed_, [&](const auto& gone) { return gone.first == name; });
            return parent_of_[name].status != 404 && !is_removed;
          });
      if (!has_room) return done(Error(keyservice::Errc::root_already_pinned));
      ++made_;
      done(Bytes{1, 2, 3});
    });
    // The policy of the operator's file pins none yet: the next one is the first.
    parent_of_[kBlob] = parent_of_[kDocument] = {404, "{}"};
    answers_to_removals_ = 204;
  }
  Outcome anew(Operations more = {}) {
    more.insert(more.begin(),
                {"make", "--challenge", std::string(64, 'a'), "--out", path("genesis"), "--anew"});
    return root(std::move(more));
  }
  std::string refusal(Operations more = {}) {
    more.emplace_back("--json");
    const Outcome ended = anew(std::move(more));
    EXPECT_EQ(ended.status, 2) << ended.out;
    EXPECT_FALSE(std::filesystem::exists(path("genesis")));
    EXPECT_EQ(made_, 0);
    (void)asked();
    return json::parse(ended.out).at("code");
  }

  static constexpr const char* kBlob = "/v1/store/custodian/root-1";
  static constexpr const char* kDocument = "/v1/store/custodian/genesis-1";
  const std::string digest_ = base::sha256({base::as_bytes("sealed")}).hex();
  const std::string copy_ = path("genesis.replaced-" + digest_.substr(0, 16));
  bool is_made_meanwhile_ = false;
  int made_ = 0;
};

// Of its own first try, perhaps: between blob and document.
TEST_F(RootAnew, WhatIsBeingMadeIsNotRemoved) {
  parent_of_[kBlob] = {200, "sealed"};
  is_made_meanwhile_ = true;
  EXPECT_EQ(refusal({"--yes"}), "not_ready");
  EXPECT_TRUE(removed_.empty());
}

TEST_F(RootAnew, ReplacesWhatWasCutShortOnceItIsConfirmed) {
  parent_of_[kBlob] = {200, "sealed"};
  EXPECT_EQ(refusal(), "not_confirmed");
  EXPECT_TRUE(removed_.empty());
  EXPECT_FALSE(std::filesystem::exists(copy_));
  const Outcome asked_for = anew();
  EXPECT_NE(asked_for.err.find("'root-1' in folder custodian of the parent's store, 6 bytes, "
                               "SHA-256 " +
                               digest_),
            std::string::npos)
      << "it says what it would replace: " << asked_for.err;

  const Outcome made = anew({"--yes"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_EQ(removed_, (std::vector<std::pair<std::string, std::string>>{{kBlob, digest_}}));
  EXPECT_EQ(base::read_file(copy_, 100).value(), base::to_bytes(base::as_bytes("sealed")));
  EXPECT_EQ(base::read_file(path("genesis"), 100).value(), (Bytes{1, 2, 3}));
  EXPECT_EQ(made_, 1);
  EXPECT_NE(made.err.find("removed 'root-1'"), std::string::npos) << made.err;
}

TEST_F(RootAnew, ReplacesADocumentWithoutItsBlob) {
  parent_of_[kDocument] = {200, "sealed"};
  EXPECT_EQ(anew({"--yes"}).status, 0);
  EXPECT_EQ(removed_.at(0).first, kDocument);
}

TEST_F(RootAnew, WithNothingToReplaceItIsMakeAlone) {
  const json made = json::parse(anew({"--json"}).out);
  EXPECT_TRUE(made.at("ok"));
  EXPECT_TRUE(made.at("replaced").is_null());
  EXPECT_TRUE(removed_.empty());
}

TEST_F(RootAnew, WhatCanBePinnedIsNotReplaced) {
  parent_of_[kBlob] = parent_of_[kDocument] = {200, "sealed"};
  EXPECT_EQ(refusal({"--yes"}), "genesis_complete");
  EXPECT_TRUE(removed_.empty());
}

TEST_F(RootAnew, ThePolicysPinnedGenerationsAreNotLookedAt) {
  at_.server_.make_roots_by(
      [](const keyservice::GenesisChallenge&, const policy::PolicyPtr&, const auto& done) {
        done(Error(keyservice::Errc::root_already_pinned));
      });
  write_policy(test::replaced(text_of_now(), "\"generations\": []",
                              R"("generations": [{"generation": 1, "state": "current", )"
                              R"("commitment": ")" +
                                  std::string(64, 'a') + "\"}]"),
               {0, 1});
  parent_of_[kBlob] = {200, "sealed"};
  parent_of_["/v1/store/custodian/root-2"] =
      parent_of_["/v1/store/custodian/genesis-2"] = {404, "{}"};
  EXPECT_EQ(refusal({"--yes"}), "root_already_pinned") << "and nothing is found of generation 2";
  EXPECT_TRUE(removed_.empty()) << "root-1 is the pinned root's only copy";
}

TEST_F(RootAnew, AStoreThatDoesNotRemoveIsNoRoom) {
  parent_of_[kBlob] = {200, "sealed"};
  answers_to_removals_ = 412;  // another content is there by now
  EXPECT_EQ(refusal({"--yes"}), "parent_refused");
  parent_of_[kBlob] = {500, "{}"};
  EXPECT_EQ(refusal({"--yes"}), "parent_refused");
}

}  // namespace
}  // namespace concordat::cli
