// The enclave's NSM behind one thread: the device answers one request at a time and may take long
// (the driver's own limit is 120 s), which must not stop live channels.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "attest/mint.hpp"
#include "peer/reserved_memory_io.hpp"

namespace concordat::peer {

// Who waits for a document: the enclave's own needs (time, KMS, handshakes that it began) go before
// those that a stranger can cause, and have slots that strangers cannot take.
enum class MintPriority { own, stranger };

class NsmWorker {
 public:
  using Done = std::function<void(base::Result<base::Bytes>)>;
  static constexpr std::size_t kOwnSlots = 64;

  // `nsm` outlives the worker and is used by its thread alone. Answers are posted to `io`.
  NsmWorker(attest::NsmTransport& nsm, boost::asio::io_context& io, std::size_t stranger_slots);
  // Waits for the request under way; those that wait are dropped without an answer.
  ~NsmWorker();
  NsmWorker(const NsmWorker&) = delete;
  NsmWorker& operator=(const NsmWorker&) = delete;

  // `done` runs on `io`, exactly once, unless this returns busy or throws for want of memory.
  [[nodiscard]] base::Status mint(attest::MintRequest request, MintPriority priority, Done done);

 private:
  struct Job {
    attest::MintRequest request;
    Done done;
    base::Result<base::Bytes> document{base::Bytes()};
    ReservedMemoryPtr memory = std::make_shared<ReservedMemory>();
  };
  using JobPtr = std::shared_ptr<Job>;
  void run();
  void perform(Job& job) noexcept;

  attest::NsmTransport& nsm_;
  boost::asio::io_context& io_;
  std::size_t stranger_slots_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<JobPtr> own_;
  std::deque<JobPtr> strangers_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace concordat::peer
