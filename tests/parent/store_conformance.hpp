// A store of each engine: the embedded one in a folder of the test, etcd as a server of its own.
#pragma once

#include <gtest/gtest.h>

#include "deploy/parent/store/open_store_io.hpp"
#include "tests/parent/etcd_server.hpp"
#include "tests/parent/store_fixture.hpp"
#include "tests/relay/relay_fixture.hpp"

namespace concordat::test {

inline const std::string kFolder = "custodian";

[[nodiscard]] inline std::string version(std::string_view content) {
  return parent::version_of(base::as_bytes(content));
}

class StoreConformance : public ::testing::TestWithParam<std::string> {
 protected:
  static void TearDownTestSuite() { etcd_.reset(); }

  void SetUp() override {
    if (GetParam() == "sqlite") {
      config_.sqlite = folder_.path() / "store.db";
    } else if (!EtcdServer::installed()) {
      GTEST_SKIP() << "no etcd on this machine (Debian's etcd-server)";
    } else {
      if (!etcd_) etcd_.emplace();
      static int tests = 0;
      config_.etcd = parent::EtcdConfig{{etcd_->endpoint()}, "test-" + std::to_string(++tests), {}};
    }
    open();
  }
  void open() {
    store_.reset();
    store_ = parent::open_store(loop_.io(), config_, log_).value();
  }
  // Beside the first, where the engine allows another program there.
  std::unique_ptr<parent::Store> open_another() {
    return config_.etcd ? parent::open_store(loop_.io(), config_, log_).value() : nullptr;
  }

  auto put(const std::string& name, std::string_view content,
           std::optional<std::string> expected = {}) {
    return loop_.put(*store_, {kFolder, name}, content, std::move(expected));
  }
  static parent::StoreBatch::Put batch_put(const std::string& name, std::string_view content,
                                           std::optional<std::string> expected = {}) {
    return {name, std::move(expected), base::to_bytes(base::as_bytes(content))};
  }
  base::Status together(std::vector<parent::StoreBatch::Put> puts,
                        std::optional<parent::StoreBatch::Behind> behind) {
    return loop_.put_together(*store_, kFolder, {std::move(behind), std::move(puts)});
  }
  std::string content(const std::string& name) {
    const auto entry = loop_.get(*store_, {kFolder, name});
    return entry ? std::string(base::as_text(entry->content)) : std::string(entry.error().name());
  }
  std::vector<std::pair<std::string, std::string>> all(const std::string& prefix = {},
                                                       std::size_t max_bytes = 1 << 20) {
    std::vector<std::pair<std::string, std::string>> out;
    parent::ListQuery query{kFolder, prefix, {}, max_bytes};
    for (;;) {
      const parent::StorePage page = loop_.list(*store_, query).value();
      ++pages_;
      for (const auto& entry : page.entries)
        out.emplace_back(entry.name, base::as_text(entry.content));
      if (!page.more) return out;
      query.after = page.entries.back().name;
    }
  }

  static inline std::optional<EtcdServer> etcd_;
  TemporaryFolder folder_;
  StoreLoop loop_;
  parent::StoreConfig config_;
  base::Logger log_{"test", [](std::string_view) {}};
  std::unique_ptr<parent::Store> store_;
  int pages_ = 0;
};

}  // namespace concordat::test
