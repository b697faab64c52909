// The embedded store without its thread: answers at once.
#pragma once

#include "deploy/parent/store/sqlite_engine.hpp"

namespace concordat::test {

class DirectStore final : public parent::Store {
 public:
  DirectStore(const std::filesystem::path& file, const parent::StoreLimits& limits,
              base::Logger& log)
      : Store(limits, log),
        engine_(parent::SqliteEngine::open(file, limits, base::system_wall_clock).value()) {}

  [[nodiscard]] std::string_view engine() const noexcept override { return "direct"; }

 private:
  void do_get(parent::EntryKey key, Handler<parent::StoredEntry> handler) override {
    handler(engine_->get(key));
  }
  void do_put(parent::EntryKey key, base::Bytes content, parent::WriteCondition condition,
              Handler<std::string> handler) override {
    handler(engine_->put(key, content, condition));
  }
  void do_put_together(std::string folder, parent::StoreBatch batch,
                       Handler<void> handler) override {
    handler(engine_->put_together(folder, batch));
  }
  void do_remove(parent::EntryKey key, std::string version, Handler<void> handler) override {
    handler(engine_->remove(key, version));
  }
  void do_remove_range(parent::RemovalRange range, Handler<void> handler) override {
    handler(engine_->remove_range(range));
  }
  void do_list(parent::ListQuery query, Handler<parent::StorePage> handler) override {
    handler(engine_->list(query));
  }
  void do_announce(parent::Announcement who, std::chrono::seconds ttl,
                   Handler<void> handler) override {
    handler(engine_->announce(who, ttl));
  }
  void do_withdraw(std::string name, Handler<void> handler) override {
    handler(engine_->withdraw(name));
  }
  void do_custodians(Handler<std::vector<parent::Announcement>> handler) override {
    handler(engine_->custodians());
  }

  std::unique_ptr<parent::SqliteEngine> engine_;
};

}  // namespace concordat::test
