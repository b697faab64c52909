// A custodian on a thread of its own that may lack memory, and a worker and an operator beside it
// who never do.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <future>
#include <mutex>
#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "keyservice/custodian_io.hpp"
#include "keyservice/serve_io.hpp"
#include "peer/preface_io.hpp"
#include "tests/keyservice/memory_shortage.hpp"
#include "tests/keyservice/operator_side.hpp"
#include "tests/keyservice/other_process.hpp"
#include "tests/keyservice/side.hpp"
#include "tests/relay/relay_fixture.hpp"
#include "tests/support/at_once_recorder.hpp"
#include "tests/support/custody_fixture.hpp"

namespace concordat::keyservice {

using base::Bytes;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using test::Side;
using test::Spared;
namespace shortage = test::shortage;

inline constexpr std::chrono::seconds kPatience{60};  // what only a hanging custodian reaches
inline constexpr unsigned kCountedGrants = 3000;      // each with keys of its own
inline constexpr unsigned kUses = 4;                  // of each

// The parent's store: another process, which answers later.
class OtherProcessStore final : public journal::Store {
 public:
  OtherProcessStore(boost::asio::io_context& io, test::MemoryStore::Shared& shared)
      : io_(io), store_(shared) {
    store_.answers_later = false;
  }
  void create(const std::string& name, const std::optional<journal::Predecessor>& after,
              Bytes value, Done done) override {
    const Spared spared;
    store_.create(name, after, std::move(value), test::later<Status>(io_, std::move(done)));
  }
  void read(const std::string& prefix, const std::string& after, std::size_t max_bytes,
            OnRecords done) override {
    const Spared spared;
    store_.read(prefix, after, max_bytes,
                test::later<base::Result<journal::Records>>(io_, std::move(done)));
  }
  void remove(const std::string& prefix, const std::string& before, Done done) override {
    const Spared spared;
    store_.remove(prefix, before, test::later<Status>(io_, std::move(done)));
  }

 private:
  boost::asio::io_context& io_;
  test::MemoryStore store_;
};

// The Nitro hypervisor.
class OtherMachineNsm final : public attest::NsmTransport {
 public:
  explicit OtherMachineNsm(attest::NsmTransport& nsm) : nsm_(nsm) {}
  base::Result<Bytes> exchange(base::BytesView request) override {
    const Spared spared;
    return nsm_.exchange(request);
  }

 private:
  attest::NsmTransport& nsm_;
};

// The same policy on both sides: every operation on payments/*, and many grants whose uses count.
class ShortageWorld : public test::TestWorld {
 public:
  ShortageWorld(const std::filesystem::path& folder, const RootCommitment& commitment,
                const policy::SigningKey& dana)
      : TestWorld(folder) {
    edit_policy = [commitment, &dana](std::string text) {
      text = test::replaced(std::move(text), "\"generations\": []",
                            R"("generations": [{"generation": 1, "state": "current", )"
                            R"("commitment": ")" +
                                commitment.hex() + "\"}]");
      text = test::with_operator(std::move(text), "dana", dana.public_key());
      auto policy = nlohmann::ordered_json::parse(text);
      nlohmann::ordered_json grants = nlohmann::ordered_json::array();
      const auto grant = [&](const std::string& keys, const nlohmann::ordered_json& operations,
                             const nlohmann::ordered_json& limit) {
        grants.push_back({{"role", "payments"},
                          {"keys", keys},
                          {"operations", operations},
                          {"use_limit", limit},
                          {"expires", "never"}});
      };
      grant("payments/*",
            {"get", "sign", "verify", "encrypt", "decrypt", "wrap", "unwrap", "mac", "derive",
             "random", "public"},
            "none");
      for (unsigned i = 0; i < kCountedGrants; ++i)
        grant("counted/" + std::to_string(i), {"sign"}, kUses);
      policy["grants"] = std::move(grants);
      return policy.dump(2);
    };
  }
};

// One channel to the custodian, on the test's thread.
struct Line {
  std::shared_ptr<peer::SecureStream> stream;
  bool established = false;
  std::vector<SecretBytes> records;
  std::optional<Status> ended;
};
using LinePtr = std::shared_ptr<Line>;

// How many lines the custodian logged: each time that its state is another one.
class LogLines {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  [[nodiscard]] unsigned count() {
    const std::lock_guard lock(mutex_);
    return count_;
  }
  [[nodiscard]] bool wait_for_more_than(unsigned count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return count_ > count; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned count_ = 0;
};

class ShortageTest : public testing::Test {
 protected:
  ShortageTest() {
    limits_.admission_burst = 1'000'000;
    // As few as there can be: a place that is lost in a shortage is missed at once.
    limits_.half_open = 1;
    limits_.handshake_timeout = std::chrono::seconds(2);
    limits_.channels_of_one_enclave = 1;
    limits_.channels_of_one_operator = 1;
    for (Side* side : {&worker_, &side_})
      (void)side->policies.install(there_.envelope(1), there_.wall).value();
    (void)operator_.policies.install(there_.envelope(1), there_.wall).value();
    custody_.take(Root::create(1, root_.clone()).value(), "acme");
    custodian_ = std::make_unique<Custodian>(side_.party, nsm_, custody_, recorder_, log_, limits_);
    custodian_->serve_operators({EnclaveFacts{"1.2.3", "i-0-enc1", {}},
                                 [this] { return std::optional(there_.now().monotonic); }});
    custodian_->serve(peer::Listener::open(custodian_io_, inbound_).value());
    thread_ = std::thread([this] {
      run_despite_shortage(custodian_io_, log_);
      is_running_ = false;
    });
    on_custodian([this](auto done) { custody_.load([done](const Status&) { done(); }); });
  }
  ~ShortageTest() override {
    shortage::relieve();
    work_.reset();
    custodian_io_.stop();
    thread_.join();
    custodian_.reset();
  }

  // Runs `step(done)` on the custodian's thread, without want of memory, and waits for its end.
  template <class Step>
  void on_custodian(Step step) {
    std::promise<void> ended;
    boost::asio::post(custodian_io_, [&] {
      const Spared spared;
      step([&ended] { ended.set_value(); });
    });
    ASSERT_EQ(ended.get_future().wait_for(kPatience), std::future_status::ready);
  }
  // Until the custodian has done all that it has begun.
  void settle() {
    on_custodian([](auto done) { done(); });
  }
  template <class Read>
  auto of_custodian(Read read) {
    decltype(read()) out{};
    on_custodian([&](auto done) {
      out = read();
      done();
    });
    return out;
  }

  void run_until(const std::function<bool()>& done) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!done() && io_.run_one_until(deadline) != 0) {
    }
    ASSERT_TRUE(done());
  }
  LinePtr dial(bool as_operator) {
    auto line = std::make_shared<Line>();
    peer::SecureStream::Events events;
    // Not shared: the line holds the stream, which holds these.
    const std::weak_ptr<Line> observer = line;
    events.established = [observer](const auto&) {
      if (const auto seen = observer.lock()) seen->established = true;
    };
    events.record = [observer](SecretBytes record) {
      const base::BytesView bytes = record.expose(SecretAccess{});
      const bool is_told = decode_head_record(bytes).value().has_value() ||
                           decode_sign_of_life(bytes).value().has_value();
      const auto seen = observer.lock();
      if (seen && !is_told) seen->records.push_back(std::move(record));
    };
    events.ended = [observer](const Status& status) {
      if (const auto seen = observer.lock()) seen->ended = status;
    };
    peer::async_connect(
        io_, inbound_, kPatience,
        [=, this, events = std::move(events)](base::Result<peer::StreamSocket> socket) mutable {
          if (!socket) {
            line->ended = socket.error();
            return;
          }
          peer::async_write_preface(
              *std::move(socket), peer::Source{"enclave/worker"}, kPatience,
              [=, this, events = std::move(events)](peer::StreamSocket stream,
                                                    const Status& written) mutable {
                if (!written) {
                  line->ended = written;
                  return;
                }
                line->stream =
                    as_operator
                        ? peer::SecureStream::initiate(std::move(stream), operator_.party, dana_,
                                                       "admin", std::move(events), {kPatience})
                        : peer::SecureStream::initiate(std::move(stream), worker_.party,
                                                       worker_.nsm, "keys", std::move(events),
                                                       {kPatience});
              });
        });
    return line;
  }
  // A channel that works: the one that there is, or a new one.
  LinePtr& line(bool as_operator) {
    LinePtr& one = as_operator ? operators_line_ : workers_line_;
    io_.poll();  // it may have ended behind the last answer
    if (one && !one->ended) return one;
    one = dial(as_operator);
    run_until([&] { return one->established || one->ended; });
    EXPECT_FALSE(one->ended) << one->ended->error().to_string();
    return one;
  }
  // The next record, or nothing, when the channel ended before it came.
  std::optional<SecretBytes> answer(const LinePtr& line) {
    run_until([&] { return !line->records.empty() || line->ended; });
    if (line->records.empty()) return std::nullopt;
    SecretBytes record = std::move(line->records.front());
    line->records.erase(line->records.begin());
    return record;
  }

  // The worker's answer; nothing where the channel ended.
  std::optional<ResponseBody> ask(const RequestBody& body) {
    const LinePtr& channel = line(false);
    const SecretBytes request = encode(++id_, body);
    EXPECT_TRUE(channel->stream->send(request.expose(SecretAccess{})));
    const auto record = answer(channel);
    if (!record) return std::nullopt;
    auto response = decode_response(*record, operation_of(body)).value();
    EXPECT_EQ(response.id, id_);
    return std::move(response.body);
  }
  // The operator's last record; parts are counted.
  std::optional<AdminReply> administer(AdminBody body) {
    const LinePtr& channel = line(true);
    const SecretBytes request = encode(AdminRequest{++id_, std::move(body)});
    EXPECT_TRUE(channel->stream->send(request.expose(SecretAccess{})));
    parts_.clear();
    for (;;) {
      const auto record = answer(channel);
      if (!record) return std::nullopt;
      AdminReply reply = decode_admin_reply(record->expose(SecretAccess{})).value();
      EXPECT_EQ(reply.id, id_);
      if (reply.kind != AdminReplyKind::part) return reply;
      parts_.push_back(std::move(reply));
    }
  }

  const Spared spared_;  // the test's own thread
  policy::SigningKey dana_ = test::operator_key();
  const SecretBytes root_ = SecretBytes::random(kRootSize);
  const RootCommitment commitment_ = Root::create(1, root_.clone()).value().commitment();
  test::SocketFolder folder_;
  const peer::Endpoint inbound_ = folder_.socket("inbound");
  LogLines log_lines_;
  base::Logger log_{"shortage_test", [this](std::string_view) { log_lines_.add(); }};
  CustodianLimits limits_;

  // The custodian's own.
  boost::asio::io_context custodian_io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      custodian_io_.get_executor()};
  ShortageWorld there_{folder_.path() / "pki", commitment_, dana_};
  Side side_{there_, custodian_io_, "custodian-1", "custodian"};
  OtherMachineNsm module_{side_.enclave.nsm()};
  peer::NsmWorker nsm_{module_, custodian_io_, peer::kMaxHalfOpen};
  test::MemoryStore::Shared shared_;
  OtherProcessStore store_{custodian_io_, shared_};
  base::SystemRandom random_;
  Custody custody_{store_, random_};
  test::AtOnceRecorder recorder_;
  std::unique_ptr<Custodian> custodian_;
  std::atomic<bool> is_running_{true};
  std::thread thread_;

  // The others'.
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> others_work_{
      io_.get_executor()};
  ShortageWorld here_{folder_.path() / "pki", commitment_, dana_};
  Side worker_{here_, io_, "payments-1", "payments"};
  test::OperatorSide operator_{here_, dana_.public_key()};
  LinePtr workers_line_, operators_line_;
  std::uint64_t id_ = 0;
  std::vector<AdminReply> parts_;
};

struct Mode {
  const char* name;
  shortage::Of whose;
  shortage::Lasting lasting;
};
inline constexpr Mode kModes[] = {{"one", shortage::Of::all_but_openssl, shortage::Lasting::one},
                                  {"all", shortage::Of::all_but_openssl, shortage::Lasting::until},
                                  {"openssl_one", shortage::Of::openssl, shortage::Lasting::one},
                                  {"openssl_all", shortage::Of::openssl, shortage::Lasting::until}};

class CustodianInShortage : public ShortageTest, public testing::WithParamInterface<Mode> {
 protected:
  // `attempt(n)` again and again, each time with a later allocation failing, until none is left to
  // fail; `after(n)` when there is memory again.
  void sweep(
      const std::string& what, const std::function<void(unsigned)>& attempt,
      const std::function<void(unsigned)>& after, const std::function<void()>& before = [] {}) {
    unsigned n = 1;
    // Of OpenSSL's many not every one: each next is a sixteenth further.
    for (;; n += GetParam().whose == shortage::Of::openssl ? 1 + n / 16 : 1) {
      SCOPED_TRACE(what + ", allocation " + std::to_string(n));
      before();
      settle();
      shortage::fail(GetParam().whose, n, GetParam().lasting);
      attempt(n);
      settle();
      const auto failed = shortage::relieve();
      ASSERT_TRUE(is_running_);
      after(n);
      if (HasFailure() || failed == 0) break;
    }
    RecordProperty("allocations of " + what, std::to_string(n - 1));
    EXPECT_TRUE(n > 1 || GetParam().whose == shortage::Of::openssl) << "nothing failed";
  }
};

}  // namespace concordat::keyservice
