#include "peer/nsm_worker_io.hpp"

#include <boost/asio/post.hpp>

#include "peer/error.hpp"

namespace concordat::peer {

NsmWorker::NsmWorker(attest::NsmTransport& nsm, boost::asio::io_context& io,
                     std::size_t stranger_slots)
    : nsm_(nsm), io_(io), stranger_slots_(stranger_slots), thread_([this] { run(); }) {}

NsmWorker::~NsmWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

base::Status NsmWorker::mint(attest::MintRequest request, MintPriority priority, Done done) {
  {
    const std::lock_guard lock(mutex_);
    auto& queue = priority == MintPriority::own ? own_ : strangers_;
    const std::size_t slots = priority == MintPriority::own ? kOwnSlots : stranger_slots_;
    if (queue.size() >= slots) return base::Error(Errc::busy, "documents");
    queue.push_back({std::move(request), std::move(done)});
  }
  wake_.notify_one();
  return {};
}

void NsmWorker::run() {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !own_.empty() || !strangers_.empty(); });
      if (stopping_) return;
      auto& queue = own_.empty() ? strangers_ : own_;
      job = std::move(queue.front());
      queue.pop_front();
    }
    auto document = attest::mint(nsm_, job.request);
    boost::asio::post(io_, [done = std::move(job.done), document = std::move(document)]() mutable {
      done(std::move(document));
    });
  }
}

}  // namespace concordat::peer
