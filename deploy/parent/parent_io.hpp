// The parent as one object: relay, services to enclaves, operator's endpoint. main() gives it a
// configuration, signals and a log.
#pragma once

#include <functional>
#include <memory>

#include "attest/base/log.hpp"
#include "deploy/parent/config.hpp"

namespace boost::asio {
class io_context;
}

namespace concordat::parent {

class Parent {
 public:
  // Opens everything that the configuration names, or nothing. `io` and `log` outlive the parent.
  [[nodiscard]] static base::Result<std::unique_ptr<Parent>> start(boost::asio::io_context& io,
                                                                   Config config,
                                                                   base::Logger& log);
  ~Parent();

  // Reads policy and authority descriptor again; on an error what was there stays.
  void reload();
  // Ends listeners and streams, withdraws what was announced and then calls `done`, once. The store
  // ends with the parent, after the write that is under way.
  void stop(std::function<void()> done);

 private:
  class Impl;
  explicit Parent(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

// What `--check` can find out without opening a socket: files that cannot be read, a store that
// cannot be used.
[[nodiscard]] base::Status check_surroundings(const Config& config);

}  // namespace concordat::parent
