// The store that a configuration names.
#pragma once

#include "deploy/parent/config.hpp"
#include "deploy/parent/store.hpp"

namespace boost::asio {
class io_context;
}

namespace concordat::parent {

// `io` and `log` outlive the store. An etcd that cannot be reached is no error: it may be later.
[[nodiscard]] base::Result<std::unique_ptr<Store>> open_store(boost::asio::io_context& io,
                                                              const StoreConfig& config,
                                                              base::Logger& log);
// What is wrong with it, as far as files say. One that is in use is in order: the parent that uses
// it may be running. Makes no file.
[[nodiscard]] base::Status check_store(const StoreConfig& config);

}  // namespace concordat::parent
