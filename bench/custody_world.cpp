#include "bench/custody_world.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

#include "attest/base/secret_access.hpp"
#include "bench/timing.hpp"
#include "deploy/lab/cms_seal.hpp"
#include "deploy/parent/parent_io.hpp"
#include "keyservice/audit_keeper_io.hpp"
#include "keyservice/audit_records.hpp"
#include "keyservice/boot.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/custody_keeper_io.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/parent_client_io.hpp"
#include "keyservice/parent_http_io.hpp"
#include "keyservice/parent_journal_store_io.hpp"
#include "tests/support/at_once_recorder.hpp"
#include "tests/support/memory_store.hpp"

namespace concordat::bench {

using namespace keyservice;
using base::Bytes;
using base::Result;
using nlohmann::json;

namespace {

constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(10);

// What goes wrong is said, as the programs do; but not that a custodian is not ready yet.
base::Logger quiet(const std::string& name) {
  return base::Logger(name, [](std::string_view line) {
    if (line.find("\"level\":\"error\"") == std::string_view::npos ||
        line.find("request_denied") != std::string_view::npos) {
      return;
    }
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
  });
}

void write(const std::filesystem::path& file, base::BytesView bytes) {
  std::ofstream(file, std::ios::binary) << base::as_text(bytes);
}

// Answers Decrypt with the root that it knows, sealed to whoever the order was for.
class KnownRootKms final : public KmsService {
 public:
  KnownRootKms(const base::SecretBytes& root, const RecipientKey& recipient)
      : sealed_(lab::seal_for_recipient(recipient.public_key_der(), root).value()) {}
  Result<HttpReply> exchange(const std::string&, const HttpRequest&, base::UnixMillis) override {
    const json reply = {{"KeyId", test::kKmsKey},
                        {"CiphertextForRecipient", base::to_base64(sealed_)}};
    return HttpReply{200, {}, reply.dump()};
  }

 private:
  Bytes sealed_;
};

// Runs `io` until `done`; the bench ends when that never comes.
void run_until(boost::asio::io_context& io, const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  io.restart();
  while (!done()) {
    if (io.run_one_until(deadline) == 0) throw std::runtime_error("the custody bench hangs");
  }
}

}  // namespace

Child::Child(const std::function<void()>& body) : pid_(::fork()) {
  if (pid_ < 0) throw std::runtime_error("cannot fork");
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  try {
    body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "concordat-bench: %s\n", error.what());
  }
  ::_exit(1);
}

Child::~Child() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

double Child::seconds() const {
  clockid_t clock{};
  if (::clock_getcpuclockid(pid_, &clock) != 0) throw std::runtime_error("a child is gone");
  return clock_seconds(clock);
}

CustodyWorld::CustodyWorld(std::size_t keys, bool is_audited)
    : is_audited_(is_audited),
      root_bytes_(base::SecretBytes::random(kRootSize)),
      root_(Root::create(policy::kFirstRootGeneration, root_bytes_.clone()).value()),
      recipient_(RecipientKey::generate().value()) {
  std::signal(SIGPIPE, SIG_IGN);
  world_.edit_policy = [this](std::string text) {
    auto policy = nlohmann::ordered_json::parse(text);
    policy["root"]["generations"] = json::array({{{"generation", policy::kFirstRootGeneration},
                                                  {"state", "current"},
                                                  {"commitment", root_.commitment().hex()}}});
    return policy.dump(2);
  };
  write(folder_.path() / "policy", world_.envelope(1));
  write(folder_.path() / "authority", world_.authority.descriptor().encoded());
  parent_ = std::make_unique<Child>([this] { run_parent(); });
  write_keys(keys);
}

peer::Endpoint CustodyWorld::socket(const std::string& name) const {
  return peer::UnixEndpoint{(folder_.path() / name).string()};
}

std::string CustodyWorld::config() const {
  const auto at = [this](const std::string& name) {
    return "unix:" + (folder_.path() / name).string();
  };
  const auto custodian = [&](const std::string& name) {
    return json{{"dial", at("inbound-" + name)},
                {"listen", at("relay-" + name)},
                {"role", "custodian"},
                {"store", "custodian"},
                {"credentials", true}};
  };
  const json config = {
      {"enclaves",
       {{kCustodian, custodian(kCustodian)},
        {kOther, custodian(kOther)},
        {"worker", {{"dial", at("nobody")}, {"listen", at("relay-worker")}, {"role", kWorker}}}}},
      {"policy",
       {{"envelope", (folder_.path() / "policy").string()},
        {"authority", (folder_.path() / "authority").string()}}},
      {"store", {{"sqlite", (folder_.path() / "store.db").string()}}},
      {"credentials", {{"access_key_id", "AKIABENCH"}, {"secret_access_key", "bench"}}}};
  return config.dump();
}

void CustodyWorld::run_parent() const {
  boost::asio::io_context io{1};
  base::Logger log = quiet("parent");
  const auto parent =
      parent::Parent::start(io, parent::parse_config(config()).value(), log).value();
  io.run();
}

// One snapshot, as a journal that was written long ago begins with.
void CustodyWorld::write_keys(std::size_t count) {
  ParentClient parent(socket("relay-custodian"), kTimeout);
  while (!parent.config())  // until the parent listens
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (!parent.store_new(root_blob_name(policy::kFirstRootGeneration), Bytes(64, 3)))
    throw std::runtime_error("cannot store the root's blob");
  if (count == 0) return;
  test::MemoryStore::Shared shared;
  test::MemoryStore store(shared);
  store.answers_later = false;
  base::SystemRandom random;
  Custody custody(store, random);
  custody.take(Root::create(policy::kFirstRootGeneration, root_bytes_.clone()).value(),
               world_.policy(1)->model().realm);
  const auto ignore = [](const auto&) {};
  custody.load(ignore);
  for (std::size_t i = 0; i < count; ++i) {
    NewVersion made{KeyOrigin::generated, 0, generate(KeyType::aes256, random).value()};
    custody.keyring().create(
        {"bench/key-" + std::to_string(i), KeyType::aes256, false, world_.wall, std::move(made)},
        ignore);
  }
  custody.keyring().write_snapshot(ignore);
  shared.run();
  if (custody.keyring().keys().records().size() != count)
    throw std::runtime_error("the keys were not made");
  for (const auto& [name, value] : shared.records) {
    if (!parent.store_new(name, value)) throw std::runtime_error("cannot store " + name);
  }
}

void CustodyWorld::run_custodian(const std::string& name, int ready) {
  const peer::Endpoint relay = socket("relay-" + name);
  boost::asio::io_context io{1};
  base::Logger log = quiet("custodian");
  test::Side side(world_, io, "custodian-1", "custodian");
  ParentClient parent(relay, kTimeout);
  const auto enclave = boot_enclave(side.enclave.nsm(), parent, [this] {
                         return base::MonotonicMillis{world_.wall.value};
                       }).value();
  side.party.policies = &enclave->policies;
  ParentJournalStore store(io, relay, kTimeout);
  base::SystemRandom random;
  Custody custody(store, random);
  CustodyKeeper keeper(io, custody, side.party, log);
  AuditKeeper auditor(
      io, side.party, side.nsm, custody,
      [&io, relay, name] {
        return std::make_unique<AuditRecords>(
            [line = ParentLine(io, relay, kTimeout)](HttpRequest request,
                                                     AuditRecords::OnReply done) {
              line.call(std::move(request), std::move(done));
            },
            name);
      },
      name, log);
  test::AtOnceRecorder nobody;
  Custodian custodian(side.party, side.nsm, custody,
                      is_audited_ ? static_cast<Recorder&>(auditor.trail()) : nobody, log);
  auditor.on_open([&custodian] { custodian.audit_opened(); });
  std::filesystem::remove(folder_.path() / ("inbound-" + name));
  custodian.serve(peer::Listener::open(io, socket("inbound-" + name)).value());
  if (::write(ready, "r", 1) != 1) return;

  KnownRootKms kms(root_bytes_, recipient_);
  UnsealOrder order;
  order.policy = enclave->policies.latest();
  order.now = world_.wall;
  order.document = side.enclave.mint(recipient_document(recipient_));
  custody.take(unseal_root(parent, kms, recipient_, order).value(), order.policy->model().realm);
  keeper.start();
  if (is_audited_) auditor.start();
  io.run();
}

std::unique_ptr<Child> CustodyWorld::start_custodian(const std::string& name) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  auto child = std::make_unique<Child>([&] { run_custodian(name, ends[1]); });
  ::close(ends[1]);
  char byte = 0;
  const bool is_ready = ::read(ends[0], &byte, 1) == 1;
  ::close(ends[0]);
  if (!is_ready) throw std::runtime_error("the custodian did not come up");
  return child;
}

LinkOptions CustodyWorld::link_options(std::vector<std::string> custodians) const {
  return {socket("relay-worker"), std::move(custodians)};
}

BenchWorker::BenchWorker(CustodyWorld& world, std::vector<std::string> custodians)
    : side_(world.world(), io_, "payments-1", CustodyWorld::kWorker),
      link_(io_, side_.party, side_.nsm, log_, world.link_options(std::move(custodians))) {
  (void)side_.policies.install(world.world().envelope(1), world.world().wall).value();
  link_.start();
}

BenchWorker::~BenchWorker() {
  link_.stop();
  io_.restart();
  io_.run_for(std::chrono::milliseconds(100));
}

void BenchWorker::request(RequestBody body, std::function<void(bool)> done) {
  link_.request(std::move(body), [done = std::move(done)](Result<ResponseBody> answer) {
    if (!answer) throw std::runtime_error("custody bench: " + answer.error().to_string());
    done(!std::holds_alternative<Failure>(*answer));
  });
}

void BenchWorker::wait_until_served() {
  const auto deadline = std::chrono::steady_clock::now() + kTimeout;
  bool is_served = false;
  while (!is_served) {
    if (std::chrono::steady_clock::now() > deadline)
      throw std::runtime_error("the custodian does not begin to serve");
    std::optional<bool> answer;
    request(GetRequest{CustodyWorld::kKeyName, 0}, [&](bool served) { answer = served; });
    run_until(io_, [&] { return answer.has_value(); });
    is_served = *answer;
  }
}

}  // namespace concordat::bench
