// What enclaves say of themselves for operators to read (a production enclave has no console): the
// latest report of each, in its own words. The parent neither reads nor vouches for them.
#pragma once

#include <map>
#include <string>

#include "attest/base/clock.hpp"

namespace concordat::parent {

inline constexpr std::size_t kMaxReport = 512 * 1024;

class Reports {
 public:
  struct Report {
    base::UnixMillis at;
    std::string body;
  };
  // Replaces the enclave's earlier one.
  void keep(const std::string& enclave, base::UnixMillis at, std::string body) {
    reports_[enclave] = {at, std::move(body)};
  }
  // nullptr: it has not reported.
  [[nodiscard]] const Report* find(const std::string& enclave) const {
    const auto found = reports_.find(enclave);
    return found == reports_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const std::map<std::string, Report>& all() const noexcept { return reports_; }

 private:
  std::map<std::string, Report> reports_;
};

}  // namespace concordat::parent
