// Custodian and parent as processes of their own beside the measuring one, which is the worker: the
// parts that their programs are made of, with software NSMs under one lab PKI and a KMS that knows
// its answer. No sandbox and no console: what is left is the work itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "keyservice/custodian_link_io.hpp"
#include "keyservice/recipient_key.hpp"
#include "keyservice/root.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::bench {

// A process that runs `body` and nothing else of this program; killed when this goes.
class Child {
 public:
  explicit Child(const std::function<void()>& body);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  // CPU time so far.
  [[nodiscard]] double seconds() const;

 private:
  int pid_;
};

// A realm whose root and policy exist, its parent with relay and store, and in the store a journal
// of so many keys. Only one custodian of a name at a time.
class CustodyWorld {
 public:
  // `is_audited`: its custodian writes an audit log, as every custodian does; without it the rest
  // is measured alone.
  explicit CustodyWorld(std::size_t keys, bool is_audited = false);
  CustodyWorld(const CustodyWorld&) = delete;
  CustodyWorld& operator=(const CustodyWorld&) = delete;

  // A custodian from its boot on: policy from the parent, root from KMS for a recipient key that is
  // there already, keyring from the store. Returns when it listens.
  [[nodiscard]] std::unique_ptr<Child> start_custodian(const std::string& name = kCustodian);

  [[nodiscard]] keyservice::LinkOptions link_options(std::vector<std::string> custodians) const;
  [[nodiscard]] const Child& parent() const noexcept { return *parent_; }
  [[nodiscard]] test::TestWorld& world() noexcept { return world_; }
  // Names of the two custodians that there can be.
  static constexpr const char* kCustodian = "custodian";
  static constexpr const char* kOther = "custodian-b";
  // What the worker signs with, and gets.
  static constexpr const char* kKeyName = "payments/measured";
  // A role of the sample policy that may do both.
  static constexpr const char* kWorker = "payments";

 private:
  [[nodiscard]] std::string config() const;
  [[nodiscard]] peer::Endpoint socket(const std::string& name) const;
  void write_keys(std::size_t count);
  void run_parent() const;
  void run_custodian(const std::string& name, int ready);

  bool is_audited_;
  test::TemporaryFolder folder_;
  test::TestWorld world_;
  base::SecretBytes root_bytes_;
  keyservice::Root root_;
  keyservice::RecipientKey recipient_;
  std::unique_ptr<Child> parent_;
};

// The measuring process's end: a link to the custodian and what comes over it.
class BenchWorker {
 public:
  explicit BenchWorker(CustodyWorld& world,
                       std::vector<std::string> custodians = {CustodyWorld::kCustodian});
  ~BenchWorker();
  BenchWorker(const BenchWorker&) = delete;
  BenchWorker& operator=(const BenchWorker&) = delete;

  [[nodiscard]] boost::asio::io_context& io() noexcept { return io_; }
  // `done` gets whether it was served; anything else than an answer or a refusal ends the bench.
  void request(keyservice::RequestBody body, std::function<void(bool served)> done);
  // For who counts what was not answered.
  [[nodiscard]] keyservice::CustodianLink& link() noexcept { return link_; }
  // Asks again and again until it is served.
  void wait_until_served();

 private:
  boost::asio::io_context io_{1};
  base::Logger log_{"bench-worker", [](std::string_view) {}};
  test::Side side_;
  keyservice::CustodianLink link_;
};

}  // namespace concordat::bench
