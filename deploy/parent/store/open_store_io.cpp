#include "deploy/parent/store/open_store_io.hpp"

#include "deploy/parent/store/etcd_store_io.hpp"
#include "deploy/parent/store/sqlite_store_io.hpp"

namespace concordat::parent {

using base::Error;
using base::Result;
using base::Status;

Result<std::unique_ptr<Store>> open_store(boost::asio::io_context& io, const StoreConfig& config,
                                          base::Logger& log) {
  if (config.sqlite) {
    CONCORDAT_TRY(auto engine,
                  SqliteEngine::open(*config.sqlite, config.limits, base::system_wall_clock));
    return std::unique_ptr<Store>(
        std::make_unique<SqliteStore>(io, std::move(engine), config.limits, log));
  }
  CONCORDAT_TRY(EtcdClient client, EtcdClient::open(io, *config.etcd));
  return std::unique_ptr<Store>(
      std::make_unique<EtcdStore>(std::move(client), config.etcd->prefix, config.limits, log));
}

Status check_store(const StoreConfig& config) {
  if (config.etcd) {
    const auto& tls = config.etcd->tls;
    if (tls) CONCORDAT_CHECK(open_tls(*tls));
    return {};
  }
  std::error_code failure;
  const bool there = std::filesystem::exists(*config.sqlite, failure);
  if (!there && !std::filesystem::is_directory(config.sqlite->parent_path(), failure)) {
    return Error(StoreErrc::failed,
                 config.sqlite->parent_path().string() + ": no folder for the store's file");
  }
  if (!there) return {};
  const auto engine = SqliteEngine::open(*config.sqlite, config.limits, base::system_wall_clock);
  if (!engine && !engine.error().is(StoreErrc::in_use)) return engine.error();
  return {};
}

}  // namespace concordat::parent
