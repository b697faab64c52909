// Several custodians over one store, and workers, in one process with the real relay between them.
#pragma once

#include <gtest/gtest.h>

#include <csignal>
#include <nlohmann/json.hpp>

#include "attest/base/log.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/custodian_link_io.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/replicas_io.hpp"
#include "peer/relay/relay_io.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/support/at_once_recorder.hpp"
#include "tests/support/memory_store.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {

inline constexpr std::chrono::seconds kPatience{60};  // what only a hanging test reaches

class ReplicasFixture : public testing::Test {
 protected:
  // One custodian's enclave: without a root until it is given one.
  struct Host {
    Host(ReplicasFixture& test, const std::string& its_name, const std::string& image,
         test::MemoryStore::Shared& shared)
        : name(its_name), side(test.world_, test.io_, image, "custodian"), store(shared) {
      store.answers_later = false;
    }
    // Completes when the keyring is loaded, or says why it is not.
    base::Status load() {
      base::Status out = base::Error(Errc::not_ready);
      custody.load([&](const base::Status& loaded) { out = loaded; });
      return out;
    }

    std::string name;
    test::Side side;
    test::MemoryStore store;
    base::SystemRandom random;
    Custody custody{store, random};
    std::unique_ptr<Custodian> custodian;
    std::unique_ptr<Replicas> replicas;
  };

  ReplicasFixture() {
    std::signal(SIGPIPE, SIG_IGN);  // as programs that carry streams do (peer/stream_io.hpp)
    world_.edit_policy = [this](const std::string& text) {
      auto policy = nlohmann::ordered_json::parse(text);
      policy["root"]["generations"] = nlohmann::json::array(
          {{{"generation", 1}, {"state", "current"}, {"commitment", commitment_.hex()}}});
      if (admits_replicas_) {
        policy["purposes"]["replica"] = {{"initiator", {"custodian"}},
                                         {"responder", {"custodian"}}};
      }
      if (edit_) edit_(policy);
      return policy.dump(2);
    };
    peer::relay::Parts parts;
    parts.log = &log_;
    parts.route = [this](const peer::Source&, const peer::Target& target) {
      const auto& name = std::get<peer::EnclaveTarget>(target).name;
      return std::optional(peer::relay::Route{peer::relay::Route::Kind::enclave, inbound(name)});
    };
    relay_ = std::make_unique<peer::relay::Relay>(io_, peer::relay::Limits{}, std::move(parts));
    (void)relay_
        ->listen(
            relay_endpoint_, {},
            [](const peer::PeerAddress&) { return std::optional(peer::Source{"enclave/any"}); })
        .value();
  }

  [[nodiscard]] peer::Endpoint inbound(const std::string& name) const {
    return peer::UnixEndpoint{(folder_.path() / name).string()};
  }
  [[nodiscard]] Root root() const { return Root::create(1, root_.clone()).value(); }

  // Over the store that all share, unless a test has another one.
  std::unique_ptr<Host> host(const std::string& name, test::MemoryStore::Shared* shared = nullptr,
                             const std::string& image = "custodian-1") {
    auto out = std::make_unique<Host>(*this, name, image, shared == nullptr ? shared_ : *shared);
    (void)out->side.policies.install(world_.envelope(1), world_.wall).value();
    return out;
  }
  // With the root and the keyring, as one that unsealed it by itself.
  std::unique_ptr<Host> serving(const std::string& name,
                                test::MemoryStore::Shared* shared = nullptr) {
    auto out = host(name, shared);
    out->custody.take(root(), "acme");
    EXPECT_TRUE(out->load());
    serve(*out);
    return out;
  }
  void serve(Host& host) {
    host.custodian =
        std::make_unique<Custodian>(host.side.party, host.side.nsm, host.custody, recorder_, log_);
    host.side.party.policy_changed = [&host] {
      host.custodian->policy_changed();
      if (host.replicas) host.replicas->policy_changed();
    };
    host.custodian->serve(peer::Listener::open(io_, inbound(host.name)).value());
  }
  // Needs its custodian.
  void know(Host& host, std::vector<std::string> others,
            std::chrono::milliseconds patience = kPatience) {
    host.replicas = std::make_unique<Replicas>(
        io_, host.side.party, host.side.nsm, host.custody, log_,
        ReplicaOptions{relay_endpoint_, std::move(others), patience, std::chrono::milliseconds(20)},
        [&host](const VouchedHead& seen, const std::string& custodian) {
          host.custodian->take_seen(seen, custodian);
        });
    host.replicas->on_tick([&host] {
      host.custodian->tell_custodians();
      host.custodian->look_at_serving();
    });
    host.replicas->start();
  }
  base::Result<Root> fetch(Host& host) {
    std::optional<base::Result<Root>> root;
    const policy::PolicyPtr policy = host.side.policies.latest();
    host.replicas->fetch_root(*policy->model().current_root(), [&](base::Result<Root> fetched) {
      root.emplace(std::move(fetched));
    });
    run_until([&] { return root.has_value(); });
    return *std::move(root);
  }
  // As RootKeeper and CustodyKeeper do.
  base::Status take(Host& host, Root root) {
    host.custody.take(std::move(root), "acme");
    host.custody.pin(*host.side.policies.latest());
    host.replicas->root_ready();
    return host.load();
  }

  void create_key(Host& host, const std::string& name) {
    NewVersion first{KeyOrigin::generated, 0, generate(KeyType::hmac, host.random).value()};
    bool is_made = false;
    host.custody.keyring().create(
        {name, KeyType::hmac, true, test::kNow, std::move(first)},
        [&](const base::Result<KeySummary>& made) { is_made = made.has_value(); });
    ASSERT_TRUE(is_made);
  }
  [[nodiscard]] base::Status check(Host& host) const {
    return host.custody.check(*host.side.policies.latest());
  }

  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }
  [[nodiscard]] std::size_t logged(std::string_view event, std::string_view code = {}) const {
    std::size_t count = 0;
    for (const nlohmann::json& line : lines_) {
      count += line.at("event") == event && (code.empty() || line.value("code", "") == code);
    }
    return count;
  }

  test::TemporaryFolder folder_;
  const peer::Endpoint relay_endpoint_ = inbound("relay.sock");
  std::vector<nlohmann::json> lines_;
  base::Logger log_{"replicas_test", [this](std::string_view line) {
                      lines_.push_back(nlohmann::json::parse(line));
                    }};
  const base::SecretBytes root_ = base::SecretBytes::random(kRootSize);
  const RootCommitment commitment_ = root().commitment();
  test::AtOnceRecorder recorder_;
  bool admits_replicas_ = true;
  std::function<void(nlohmann::ordered_json&)> edit_;
  test::TestWorld world_;
  boost::asio::io_context io_{1};
  test::MemoryStore::Shared shared_;  // what it still owes ends before the io_context
  std::unique_ptr<peer::relay::Relay> relay_;
};

}  // namespace concordat::keyservice
