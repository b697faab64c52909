#include "deploy/parent/store/sqlite_store_io.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace concordat::parent {

SqliteStore::SqliteStore(boost::asio::io_context& io, std::unique_ptr<SqliteEngine> engine,
                         const StoreLimits& limits, base::Logger& log)
    : Store(limits, log), io_(io), engine_(std::move(engine)), thread_([this] { run(); }) {}

SqliteStore::~SqliteStore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void SqliteStore::run() {
  for (;;) {
    std::vector<Job> jobs;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      jobs.swap(jobs_);
    }
    carry_out(jobs);
    for (const Job& job : jobs)
      job.answer();
  }
}

// One by one where together they fail, so that each is answered for itself.
void SqliteStore::carry_out(const std::vector<Job>& jobs) {
  const auto each = [&] {
    for (const Job& job : jobs)
      job.work(*engine_);
  };
  if (jobs.size() == 1 || !engine_->together(each)) each();
}

template <class T, class Work>
void SqliteStore::run_there(Work work, Handler<T> handler) {
  const auto result = std::make_shared<std::optional<base::Result<T>>>();
  Job job;
  job.work = [result, work = std::move(work)](SqliteEngine& engine) {
    result->emplace(work(engine));
  };
  job.answer = [this, result, handler = std::move(handler)] {
    boost::asio::post(io_, [alive = std::weak_ptr<bool>(alive_), handler, result] {
      if (!alive.expired()) handler(std::move(**result));
    });
  };
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  wake_.notify_one();
}

void SqliteStore::do_get(EntryKey key, Handler<StoredEntry> handler) {
  run_there<StoredEntry>([key = std::move(key)](SqliteEngine& engine) { return engine.get(key); },
                         std::move(handler));
}

void SqliteStore::do_put(EntryKey key, base::Bytes content, WriteCondition condition,
                         Handler<std::string> handler) {
  run_there<std::string>(
      [key = std::move(key), content = std::move(content), condition = std::move(condition)](
          SqliteEngine& engine) { return engine.put(key, content, condition); },
      std::move(handler));
}

void SqliteStore::do_put_together(std::string folder, StoreBatch batch, Handler<void> handler) {
  run_there<void>([folder = std::move(folder), batch = std::move(batch)](
                      SqliteEngine& engine) { return engine.put_together(folder, batch); },
                  std::move(handler));
}

void SqliteStore::do_remove(EntryKey key, std::string version, Handler<void> handler) {
  run_there<void>([key = std::move(key), version = std::move(version)](
                      SqliteEngine& engine) { return engine.remove(key, version); },
                  std::move(handler));
}

void SqliteStore::do_remove_range(RemovalRange range, Handler<void> handler) {
  run_there<void>(
      [range = std::move(range)](SqliteEngine& engine) { return engine.remove_range(range); },
      std::move(handler));
}

void SqliteStore::do_list(ListQuery query, Handler<StorePage> handler) {
  run_there<StorePage>(
      [query = std::move(query)](SqliteEngine& engine) { return engine.list(query); },
      std::move(handler));
}

void SqliteStore::do_announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler) {
  run_there<void>(
      [who = std::move(who), ttl](SqliteEngine& engine) { return engine.announce(who, ttl); },
      std::move(handler));
}

void SqliteStore::do_withdraw(std::string name, Handler<void> handler) {
  run_there<void>([name = std::move(name)](SqliteEngine& engine) { return engine.withdraw(name); },
                  std::move(handler));
}

void SqliteStore::do_custodians(Handler<std::vector<Announcement>> handler) {
  run_there<std::vector<Announcement>>([](SqliteEngine& engine) { return engine.custodians(); },
                                       std::move(handler));
}

}  // namespace concordat::parent
