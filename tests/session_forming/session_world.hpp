// Realms that form sessions in virtual time: each party an authority, a signed policy and enclaves
// with software NSMs under one lab PKI; and a relay that carries their streams, or does its worst.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>

#include "deploy/lab/pki.hpp"
#include "deploy/lab/software_nsm.hpp"
#include "session/receipt.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::session {

// One organisation.
struct Realm {
  std::vector<policy::SigningKey> keys;
  attest::AuthorityDescriptor authority;
};
[[nodiscard]] Realm make_realm(const std::string& name, std::uint8_t first_seed,
                               std::size_t signers = 1, unsigned threshold = 1);

[[nodiscard]] base::Status take_any(std::string_view, base::BytesView, std::size_t, std::size_t);

class SessionWorld {
 public:
  // So many parties, each of a realm of its own, or all of the first.
  explicit SessionWorld(std::size_t parties, bool one_realm = false);

  [[nodiscard]] DescriptorFields fields(const std::string& id = "sums/2026-01") const;
  // Signed by everybody.
  [[nodiscard]] base::Bytes sign(const std::string& text) const;
  [[nodiscard]] DescriptorPtr descriptor(const std::string& id = "sums/2026-01") const;
  [[nodiscard]] std::vector<attest::AuthorityDescriptor> authorities() const;
  [[nodiscard]] const Realm& realm_of(PartyIndex index) const;
  // A party's own policy, with its session rule edited.
  [[nodiscard]] std::string policy_text(PartyIndex index) const;
  [[nodiscard]] policy::PolicyPtr policy(PartyIndex index) const;
  [[nodiscard]] std::unique_ptr<lab::SoftwareNsm> enclave(PartyIndex index,
                                                          bool is_altered = false);

  std::size_t parties = 0;
  base::UnixMillis wall = concordat::test::kNow;
  std::function<std::string(PartyIndex, std::string)> edit_policy;
  std::vector<Realm> realms;
  std::unique_ptr<lab::Pki> pki;
  attest::TrustAnchors anchors;
  attest::ChainCache cache;
  base::SystemRandom random;
};

// One start of one party's enclave: as good as any other of the same image, whoever started it.
struct Instance {
  PartyIndex index = 0;
  std::shared_ptr<lab::SoftwareNsm> nsm;
  DescriptorPtr descriptor;
  std::unique_ptr<Forming> forming;
  std::optional<FormedSession> formed;  // once it has formed; `forming` stays
  std::chrono::milliseconds formed_at{};
  std::size_t resumed = 0;  // streams made anew since
  bool is_alive = true;
  // By each of its keys: the first group that it saw, and what it signed.
  std::map<SessionPublicKey, base::Bytes> seen, rosters;
  bool has_signed_two = false;
  std::vector<base::Bytes> sent;  // everything it ever sent, for replays
};

// What the relay does with one piece of a stream; it may send anything anywhere besides.
using Carry =
    std::function<std::vector<base::Bytes>(const Instance& from, const Instance& to, base::Bytes)>;
// Where a stream to `party` leads; nullptr: nowhere.
using Route = std::function<Instance*(const Instance& from, PartyIndex party)>;

class SeededRandom final : public base::RandomSource {
 public:
  explicit SeededRandom(std::uint64_t seed) : generator_(seed) {}
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out)
      byte = static_cast<std::uint8_t>(generator_());
  }

 private:
  std::mt19937_64 generator_;
};

class RelayNet {
 public:
  RelayNet(SessionWorld& world, std::uint64_t seed);

  // Starts a party; in the enclave given, or in a new one.
  Instance& start(PartyIndex index, const DescriptorPtr& descriptor,
                  std::shared_ptr<lab::SoftwareNsm> nsm = nullptr);
  // It is gone, with all its streams.
  void stop(Instance& instance);
  // Ends one stream, of all or between two parties; silently: nobody is told, nothing arrives.
  void cut(bool silently);
  void cut(PartyIndex one, PartyIndex other);
  // A stream that nobody of these opened, with what it brings; nothing is heard on it.
  void visit(Instance& at, const std::string& source, const base::Bytes& bytes);
  // Until nothing moves any more, or the time is over.
  void run(std::chrono::milliseconds time = std::chrono::seconds(60));

  [[nodiscard]] std::deque<Instance>& instances() noexcept { return instances_; }
  // The youngest of a party that is alive.
  [[nodiscard]] Instance* latest(PartyIndex index);
  [[nodiscard]] peer::Now now() const { return {world_.wall + elapsed_, {elapsed_.count()}}; }
  [[nodiscard]] std::chrono::milliseconds elapsed() const noexcept { return elapsed_; }
  std::mt19937_64& random() noexcept { return random_; }

  Route route;
  Carry carry;
  std::chrono::milliseconds most_delay{40};

 private:
  struct End {
    Instance* instance = nullptr;
    StreamId other = 0;
    std::chrono::milliseconds last_delivery{};
  };
  void at(std::chrono::milliseconds time, std::function<void()> event);
  [[nodiscard]] std::chrono::milliseconds delay();
  void perform(Instance& instance, FormingOrders orders);
  void connect(Instance& from, PartyIndex party);
  void send(StreamId from, const base::Bytes& bytes);
  void close(StreamId from);
  void sever(StreamId stream);
  void wake(Instance& instance);
  void watch(Instance& instance);

  SessionWorld& world_;
  std::mt19937_64 random_;
  SeededRandom drawn_;
  std::deque<Instance> instances_;
  std::map<StreamId, End> ends_;
  StreamId next_stream_ = 1;
  std::multimap<std::chrono::milliseconds, std::function<void()>> events_;
  std::chrono::milliseconds elapsed_{};
};

// Every instance's confirmation of `result` in `run`, as its run would sign it.
[[nodiscard]] Confirmations confirm(const std::deque<Instance>& instances, const RunId& run,
                                    base::BytesView result);
// Of the instance at `at`, with everybody's confirmations.
[[nodiscard]] base::Result<base::Bytes> receipt_of(const std::deque<Instance>& instances,
                                                   std::size_t at, base::BytesView result,
                                                   base::UnixMillis time);

}  // namespace concordat::session
