// Who gets the enclave's NSM when strangers want it all: the enclave's own documents have slots of
// their own and go first. The module stands still until the test lets it answer.
#include "peer/nsm_worker_io.hpp"

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <semaphore>

#include "peer/error.hpp"
#include "tests/nsm/fake_nsm.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::Result;
using base::Status;

// Answers once for each permission, and says when it began.
class SlowNsm final : public attest::NsmTransport {
 public:
  Result<Bytes> exchange(base::BytesView message) override {
    began.release();
    go.acquire();
    return module_.exchange(message);
  }
  std::counting_semaphore<> began{0};
  std::counting_semaphore<> go{0};

 private:
  attest::FakeNsm module_;
};

constexpr std::size_t kStrangerSlots = 3;
constexpr std::chrono::seconds kPatience{60};  // what only a hanging worker reaches

class NsmWorkerTest : public testing::Test {
 protected:
  // The module is busy with a first document, so that whatever comes next has to wait.
  NsmWorkerTest() {
    EXPECT_TRUE(ask(MintPriority::stranger, "first"));
    nsm_.began.acquire();
  }
  ~NsmWorkerTest() override { nsm_.go.release(1'000); }  // nobody waits for a test that failed

  Status ask(MintPriority priority, std::string name) {
    return worker_.mint({attest::Purpose::clock, {}, {}, {}}, priority,
                        [this, name = std::move(name)](const Result<Bytes>& document) {
                          EXPECT_TRUE(document);
                          answered_.push_back(name);
                        });
  }
  // Lets the module answer so often, and waits until the answers are there.
  void answer(std::size_t count) {
    nsm_.go.release(static_cast<std::ptrdiff_t>(count));
    const std::size_t wanted = answered_.size() + count;
    while (answered_.size() < wanted && io_.run_one_for(kPatience) != 0) {
    }
    EXPECT_EQ(answered_.size(), wanted);
  }

  SlowNsm nsm_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::vector<std::string> answered_;
  NsmWorker worker_{nsm_, io_, kStrangerSlots};
};

TEST_F(NsmWorkerTest, StrangersTakeTheirOwnSlotsOnly) {
  for (std::size_t i = 0; i < kStrangerSlots; ++i)
    EXPECT_TRUE(ask(MintPriority::stranger, "stranger")) << i;
  EXPECT_TRUE(ask(MintPriority::stranger, "one too many").error().is(Errc::busy));
  for (std::size_t i = 0; i < NsmWorker::kOwnSlots; ++i)
    EXPECT_TRUE(ask(MintPriority::own, "own")) << i;
  EXPECT_TRUE(ask(MintPriority::own, "own").error().is(Errc::busy)) << "bounded too";
  answer(1 + NsmWorker::kOwnSlots + kStrangerSlots);
  EXPECT_TRUE(ask(MintPriority::stranger, "a slot is free again"));
}

TEST_F(NsmWorkerTest, TheEnclavesOwnDocumentsGoFirst) {
  EXPECT_TRUE(ask(MintPriority::stranger, "stranger 1"));
  EXPECT_TRUE(ask(MintPriority::stranger, "stranger 2"));
  EXPECT_TRUE(ask(MintPriority::own, "own 1"));
  EXPECT_TRUE(ask(MintPriority::own, "own 2"));
  answer(5);
  EXPECT_EQ(answered_,
            (std::vector<std::string>{"first", "own 1", "own 2", "stranger 1", "stranger 2"}));
}

}  // namespace
}  // namespace concordat::peer
