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
  auto job = std::make_shared<Job>();
  job->request = std::move(request);
  job->done = std::move(done);
  {
    const std::lock_guard lock(mutex_);
    auto& queue = priority == MintPriority::own ? own_ : strangers_;
    const std::size_t slots = priority == MintPriority::own ? kOwnSlots : stranger_slots_;
    if (queue.size() >= slots) return base::Error(Errc::busy, "documents");
    queue.push_back(std::move(job));
  }
  wake_.notify_one();
  return {};
}

void NsmWorker::run() {
  for (;;) {
    JobPtr job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !own_.empty() || !strangers_.empty(); });
      if (stopping_) return;
      auto& queue = own_.empty() ? strangers_ : own_;
      job = std::move(queue.front());
      queue.pop_front();
    }
    perform(*job);
    // In memory that the job brought: whoever waits is told, whatever is lacking here.
    boost::asio::post(io_, with(job->memory, [job] { job->done(std::move(job->document)); }));
  }
}

void NsmWorker::perform(Job& job) noexcept {
  try {
    job.document = attest::mint(nsm_, job.request);
  } catch (const std::bad_alloc&) {
    job.document = base::Error(Errc::out_of_memory);
  }
}

}  // namespace concordat::peer
