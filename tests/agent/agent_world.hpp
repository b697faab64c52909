// A worker's agent, its link, the real relay and a real custodian, in one process and on one clock
// that the test moves.
#pragma once

#include <unistd.h>

#include <stdexcept>

#include "keyservice/agent/agent_server_io.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/key_administration.hpp"
#include "peer/relay/relay_io.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/support/at_once_recorder.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::test {

class AgentWorld {
 public:
  // The root is the same in every run: what is sealed under it stays readable.
  explicit AgentWorld(const std::string& folder,
                      std::chrono::milliseconds patience = keyservice::agent::kIdle)
      : folder_(folder), loaded("acme", 1, fixed_root()) {
    world.edit_policy = [this](std::string text) {
      text = replaced(text, "\"generations\": []",
                      R"("generations": [{"generation": 1, "state": "current", "commitment": ")" +
                          loaded.custody.root().commitment().hex() + "\"}]");
      text = replaced(text, "\"get\",\n        \"sign\"", operations);
      text = replaced(text, "\"grants\": [", "\"grants\": [" + grants_);
      return edit ? edit(std::move(text)) : text;
    };
    parts_.log = &log;
    parts_.route = [this](const peer::Source&, const peer::Target&) {
      return peer::relay::Route{peer::relay::Route::Kind::enclave, inbound_};
    };
    relay_ = std::make_unique<peer::relay::Relay>(io, peer::relay::Limits{}, std::move(parts_));
    (void)relay_
        ->listen(
            relay_endpoint_, {},
            [](const peer::PeerAddress&) { return std::optional(peer::Source{"enclave/worker"}); })
        .value();
    keyservice::LinkOptions options;
    options.relay = relay_endpoint_;
    options.custodians = {"custodian"};
    link = std::make_unique<keyservice::CustodianLink>(io, worker.party, worker.nsm, log, options);
    make_agent(worker.nsm, patience);
    worker.party.policy_changed = [this] {
      agent->policy_changed();
      link->policy_changed();
    };
    custodian_side.party.policy_changed = [this] { custodian->policy_changed(); };
  }

  [[nodiscard]] std::string socket() const { return folder_ + "/agent"; }

  void make_agent(peer::NsmWorker& nsm,
                  std::chrono::milliseconds patience = keyservice::agent::kIdle) {
    agent = std::make_unique<keyservice::AgentServer>(
        keyservice::AgentParts{io, worker.party, nsm, *link, log, [this] { return anchored_at; },
                               "test", patience, [this] { return application_user; }});
    agent->serve(peer::Listener::open(io, peer::UnixEndpoint{socket()}).value());
  }

  // Another grant of role "payments", such as ("reports/*", "sign,verify", "10"). Before install().
  void grant(const std::string& pattern, const std::string& granted,
             const std::string& use_limit = "\"none\"") {
    std::string list = "\"" + granted + "\"";
    for (std::size_t at = 0; (at = list.find(',', at)) != std::string::npos; at += 4)
      list.replace(at, 1, "\", \"");
    grants_ += R"({"role": "payments", "keys": ")" + pattern + R"(", "operations": [)" + list +
               R"(], "use_limit": )" + use_limit + R"(, "expires": "never"}, )";
  }
  // Keys in the custodian's keyring, where all others are derived.
  void create(const std::string& name, keyservice::KeyType type, bool exportable = false) {
    bool made = false;
    keyservice::KeyAdministration(loaded.custody)
        .change(keyservice::CreateKeyRequest{name, type, exportable}, world.wall,
                [&](const auto& key) { made = static_cast<bool>(key); });
    if (!made) throw std::logic_error(name + " is not made");
  }
  void disable(const std::string& name) {
    bool done = false;
    keyservice::KeyAdministration(loaded.custody)
        .change(keyservice::SetKeyStateRequest{keyservice::VersionState::disabled, name},
                world.wall, [&](const auto& key) { done = static_cast<bool>(key); });
    if (!done) throw std::logic_error(name + " is not disabled");
  }

  // Both sides obey policy `serial`; the link dials.
  void start(std::uint64_t serial = 1) {
    install(serial);
    start_custodian();
    link->start();
  }
  void install(std::uint64_t serial) {
    const base::Bytes envelope = world.envelope(serial);
    for (Side* side : {&worker, &custodian_side})
      (void)side->policies.install(envelope, world.wall).value();
  }
  void start_custodian() {
    custodian = std::make_unique<keyservice::Custodian>(custodian_side.party, custodian_side.nsm,
                                                        loaded.custody, recorder_, log);
    custodian->serve(peer::Listener::open(io, inbound_).value());
  }

  // As a custodian does that unsealed it anew.
  void take_root() {
    loaded.custody.take(keyservice::Root::create(1, fixed_root()).value(), "acme");
    loaded.custody.load([](const base::Status& done) {
      if (!done) throw std::runtime_error(done.error().to_string());
    });
  }

  // Runs the io_context until `done`.
  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done()) {
      if (io.run_one_until(deadline) == 0) throw std::runtime_error("it does not happen");
    }
  }

  static base::SecretBytes fixed_root() {
    base::Bytes bytes(keyservice::kRootSize, 7);
    return base::SecretBytes::take(bytes);
  }

 private:
  std::string folder_;
  peer::Endpoint relay_endpoint_ = peer::UnixEndpoint{folder_ + "/relay"};
  peer::Endpoint inbound_ = peer::UnixEndpoint{folder_ + "/inbound"};
  peer::relay::Parts parts_;
  AtOnceRecorder recorder_;
  std::string grants_;

 public:
  std::string operations =
      R"("get", "sign", "verify", "encrypt", "decrypt", "wrap", "unwrap", "mac", "derive", )"
      R"("random", "public")";
  std::function<std::string(std::string)> edit;  // of the policy's text
  std::optional<base::MonotonicMillis> anchored_at;
  std::optional<base::Result<unsigned>> application_user;
  std::vector<std::string> logged;
  base::Logger log{"agent_test", [this](std::string_view line) { logged.emplace_back(line); }};
  LoadedCustody loaded;
  TestWorld world;
  boost::asio::io_context io{1};
  Side worker{world, io, "payments-1", "payments"};
  Side custodian_side{world, io, "custodian-1", "custodian"};
  std::unique_ptr<keyservice::Custodian> custodian;
  std::unique_ptr<keyservice::CustodianLink> link;
  std::unique_ptr<keyservice::AgentServer> agent;

 private:
  std::unique_ptr<peer::relay::Relay> relay_;
};

}  // namespace concordat::test
