// A custodian in this process with two root generations, and `concordat root` at it.
#pragma once

#include <nlohmann/json.hpp>

#include "tests/cli/local_channel.hpp"
#include "tests/cli/operator_cli.hpp"
#include "tests/cli/run_cli.hpp"
#include "tests/support/golden.hpp"

namespace concordat::cli {

using base::Bytes;
using base::Error;
using keyservice::Root;
using nlohmann::json;
using test::expect_golden;

using Operations = std::vector<std::string>;

// The policy pins two generations, and the custodian holds both; the first one seals.
class RootCli : public OperatorCli {
 protected:
  RootCli() {
    at_.further_ = R"(, {"generation": 2, "state": "read_only", "commitment": ")" +
                   second_.commitment().hex() + "\"}";
    at_.custody_.take(Root::from_prk(2, second_.prk()).value(), "acme");
    at_.custody_.pin(*at_.world_.policy(1));
    at_.status_->audit_log.root_generation = 1;
    configure(R"("custodian": {"role": "custodian"}, "payments": {"role": "payments"})");
  }
  // What the parent says of its enclaves.
  void configure(const std::string& enclaves) {
    parent_of_["/v1/status"] = {200, R"({"topology": {"enclaves": {)" + enclaves + "}}}"};
  }
  Outcome root(std::vector<std::string> arguments) {
    open_next([this] { return std::make_unique<LocalChannel>(custodian(), at_, operations_); });
    arguments.insert(arguments.begin(), "root");
    return run_at_custodian(std::move(arguments));
  }
  json root_json(std::vector<std::string> arguments, int status = 0) {
    arguments.emplace_back("--json");
    const Outcome ended = root(std::move(arguments));
    EXPECT_EQ(ended.status, status) << ended.err;
    return json::parse(ended.out, nullptr, false);
  }
  std::string code(std::vector<std::string> arguments) {
    const json refused = root_json(std::move(arguments), 2);
    EXPECT_FALSE(refused.at("ok"));
    return refused.at("code");
  }
  void expect(const std::string& golden, const Outcome& ended, int status = 0) {
    EXPECT_EQ(ended.status, status) << ended.out << ended.err;
    expect_golden("tests/cli/golden/root_" + golden + ".txt", ended.out + ended.err);
  }
  // As after `policy set --current-root 2` and `policy push`.
  void make_second_current() {
    at_.world_.edit_policy = [edit = at_.world_.edit_policy](std::string text) {
      text = test::replaced(edit(std::move(text)), R"("state": "read_only")", R"("state": "x")");
      text = test::replaced(std::move(text), R"("state": "current")", R"("state": "read_only")");
      return test::replaced(std::move(text), R"("state": "x")", R"("state": "current")");
    };
    at_.dana_admitted_.reset();
    at_.custody_.pin(*at_.world_.policy(1));
    at_.status_->audit_log.root_generation = 2;
  }
  std::vector<std::string> asked() { return std::exchange(operations_, {}); }
  // As an operator has made it with `keys create`, of the generation that seals then.
  void create_derived(const std::string& name) {
    const std::uint32_t seals = at_.custody_.journal().generation();
    at_.custody_.keyring().create({name,
                                   keyservice::KeyType::derived,
                                   false,
                                   at_.now_,
                                   {keyservice::KeyOrigin::derived, seals, {}}},
                                  [](const auto& created) { ASSERT_TRUE(created); });
  }

  Root second_ = Root::create(2, base::SecretBytes::random(keyservice::kRootSize)).value();
  keyservice::AdministeredCustodian at_;
  std::vector<std::string> operations_;  // that were asked for
};

}  // namespace concordat::cli
