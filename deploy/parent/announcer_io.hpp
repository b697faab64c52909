// Discovery of custodians through the store: announces this parent's enclaves for as long as it
// runs, and keeps what others announced, for the relay.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "deploy/parent/config.hpp"
#include "deploy/parent/store.hpp"

namespace concordat::parent {

// How often others' announcements are read.
inline constexpr std::chrono::milliseconds kDiscoveryTick = std::chrono::seconds(5);

class Announcer : public std::enable_shared_from_this<Announcer> {
 public:
  // All outlive it. Without `config.announce` it only reads.
  Announcer(boost::asio::io_context& io, const Config& config, Store& store, base::Logger& log);

  void start();
  // Withdraws what was announced and then calls `done`, once.
  void stop(std::function<void()> done);

  // Where the parent of the enclave is, if somebody announced it. What is known stays while the
  // store cannot be reached: a parent that is gone is noticed when it is dialled.
  [[nodiscard]] std::optional<peer::Endpoint> find(const std::string& enclave) const;
  [[nodiscard]] std::vector<std::string> names() const;

 private:
  void announce();
  void read();
  void take(const std::vector<Announcement>& found);

  const Config& config_;
  Store& store_;
  base::Logger& log_;
  boost::asio::steady_timer announcing_, reading_;
  std::map<std::string, peer::Endpoint> known_;
  std::set<std::string> refused_;  // of ours, and logged
  bool stopped_ = false;
};

}  // namespace concordat::parent
