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
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
      if (stopping_) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

template <class T, class Work>
void SqliteStore::run_there(Work work, Handler<T> handler) {
  auto job = [this, work = std::move(work), handler = std::move(handler)]() mutable {
    auto answer = work(*engine_);
    boost::asio::post(io_, [alive = std::weak_ptr<bool>(alive_), handler = std::move(handler),
                            answer = std::move(answer)]() mutable {
      if (!alive.expired()) handler(std::move(answer));
    });
  };
  {
    const std::lock_guard lock(mutex_);
    jobs_.emplace_back(std::move(job));
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

void SqliteStore::do_remove(EntryKey key, std::string version, Handler<void> handler) {
  run_there<void>([key = std::move(key), version = std::move(version)](
                      SqliteEngine& engine) { return engine.remove(key, version); },
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
