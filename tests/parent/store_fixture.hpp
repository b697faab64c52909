// A store of either engine and a loop to wait in.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "attest/base/log.hpp"
#include "deploy/parent/store.hpp"

namespace concordat::test {

// Runs a loop on the calling thread until an answer is there.
class StoreLoop {
 public:
  boost::asio::io_context& io() { return io_; }

  base::Result<parent::StoredEntry> get(parent::Store& store, parent::EntryKey key) {
    return await<parent::StoredEntry>(
        [&](auto handler) { store.get(std::move(key), std::move(handler)); });
  }
  base::Result<std::string> put(parent::Store& store, parent::EntryKey key,
                                std::string_view content, std::optional<std::string> version = {}) {
    return await<std::string>([&](auto handler) {
      store.put(std::move(key), base::to_bytes(base::as_bytes(content)), {std::move(version)},
                std::move(handler));
    });
  }
  base::Status remove(parent::Store& store, parent::EntryKey key, std::string version) {
    return await<void>([&](auto handler) {
      store.remove(std::move(key), std::move(version), std::move(handler));
    });
  }
  base::Result<std::string> put_behind(parent::Store& store, parent::EntryKey key,
                                       std::string_view content,
                                       parent::WriteCondition::Predecessor behind) {
    return await<std::string>([&](auto handler) {
      store.put(std::move(key), base::to_bytes(base::as_bytes(content)), {{}, std::move(behind)},
                std::move(handler));
    });
  }
  base::Status put_together(parent::Store& store, const std::string& folder,
                            parent::StoreBatch batch) {
    return await<void>(
        [&](auto handler) { store.put_together(folder, std::move(batch), std::move(handler)); });
  }
  base::Status remove_range(parent::Store& store, parent::RemovalRange range) {
    return await<void>(
        [&](auto handler) { store.remove_range(std::move(range), std::move(handler)); });
  }
  base::Result<parent::StorePage> list(parent::Store& store, parent::ListQuery query) {
    return await<parent::StorePage>(
        [&](auto handler) { store.list(std::move(query), std::move(handler)); });
  }
  base::Status announce(parent::Store& store, parent::Announcement who, std::chrono::seconds ttl) {
    return await<void>(
        [&](auto handler) { store.announce(std::move(who), ttl, std::move(handler)); });
  }
  base::Status withdraw(parent::Store& store, std::string name) {
    return await<void>([&](auto handler) { store.withdraw(std::move(name), std::move(handler)); });
  }
  base::Result<std::vector<parent::Announcement>> custodians(parent::Store& store) {
    return await<std::vector<parent::Announcement>>(
        [&](auto handler) { store.custodians(std::move(handler)); });
  }
  // Until `done`.
  template <class Condition>
  void run_until(Condition done) {
    while (!done())
      io_.run_one();
  }

 private:
  template <class T, class Call>
  base::Result<T> await(Call call) {
    std::optional<base::Result<T>> answer;
    call(parent::Store::Handler<T>([&](base::Result<T> got) { answer.emplace(std::move(got)); }));
    run_until([&] { return answer.has_value(); });
    return *std::move(answer);
  }

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
};

}  // namespace concordat::test
