// For commands that repeat themselves until they are told to end.
#pragma once

#include <chrono>
#include <csignal>

namespace concordat::cli {

// SIGTERM and SIGINT, held back so that only the wait below sees them.
class EndSignals {
 public:
  EndSignals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~EndSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  // True when one came within `patience`.
  [[nodiscard]] bool wait(std::chrono::seconds patience) const {
    const timespec time{static_cast<time_t>(patience.count()), 0};
    return ::sigtimedwait(&set_, nullptr, &time) > 0;
  }

 private:
  sigset_t set_{}, before_{};
};

}  // namespace concordat::cli
