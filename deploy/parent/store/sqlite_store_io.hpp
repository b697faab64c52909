// The embedded store behind one thread: requests are carried out in their order, and the relay
// never waits for the disk. Those that wait while the disk syncs are done together, with the next
// sync.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "deploy/parent/store/sqlite_engine.hpp"

namespace boost::asio {
class io_context;
}

namespace concordat::parent {

class SqliteStore final : public Store {
 public:
  // `io` and `log` outlive the store.
  SqliteStore(boost::asio::io_context& io, std::unique_ptr<SqliteEngine> engine,
              const StoreLimits& limits, base::Logger& log);
  // Waits for the request under way; those that wait are dropped without an answer.
  ~SqliteStore() override;

  [[nodiscard]] std::string_view engine() const noexcept override { return "sqlite"; }

 private:
  void do_get(EntryKey key, Handler<StoredEntry> handler) override;
  void do_put(EntryKey key, base::Bytes content, WriteCondition condition,
              Handler<std::string> handler) override;
  void do_put_together(std::string folder, StoreBatch batch, Handler<void> handler) override;
  void do_remove(EntryKey key, std::string version, Handler<void> handler) override;
  void do_remove_range(RemovalRange range, Handler<void> handler) override;
  void do_list(ListQuery query, Handler<StorePage> handler) override;
  void do_announce(Announcement who, std::chrono::seconds ttl, Handler<void> handler) override;
  void do_withdraw(std::string name, Handler<void> handler) override;
  void do_custodians(Handler<std::vector<Announcement>> handler) override;

  // `work` may run twice: what it did the first time was taken back.
  struct Job {
    std::function<void(SqliteEngine&)> work;
    std::function<void()> answer;
  };
  // Runs `work` on the thread, then `handler` with what it returned on the loop. How many wait is
  // bounded by Store.
  template <class T, class Work>
  void run_there(Work work, Handler<T> handler);
  void run();
  void carry_out(const std::vector<Job>& jobs);

  boost::asio::io_context& io_;
  std::unique_ptr<SqliteEngine> engine_;
  // What was posted to the loop and comes after the store has ended finds it gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace concordat::parent
