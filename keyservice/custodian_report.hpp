// What a custodian says of itself to operators, since a production enclave has no console: whom it
// refused and why, and which keys it released to whom since it came up. Bounded, and nothing in it
// is secret. It travels through the parent, which may hold it back or show an older one; the format
// is in policy/README.md ("What had been received").
#pragma once

#include <deque>
#include <map>
#include <string>

#include "policy/evaluate.hpp"

namespace concordat::keyservice {

class CustodianReport {
 public:
  static constexpr std::size_t kMaxRefusals = 64;
  static constexpr std::size_t kMaxReleases = 1024;
  static constexpr std::size_t kMaxDetail = 512;

  explicit CustodianReport(base::UnixMillis since) : since_(since) {}

  // `source` is the parent's word.
  void refused(base::UnixMillis at, const std::string& source, const base::Error& why);
  void released(base::UnixMillis at, const policy::AdmittedPeer& peer, const std::string& key,
                std::uint32_t version, std::string_view operation);

  [[nodiscard]] std::string to_json(base::UnixMillis at, const policy::Policy& policy) const;

 private:
  struct Refusal {
    base::UnixMillis at;
    std::string source, code, detail;
  };
  struct What {
    std::string role, image, module_id, key, operation;
    std::uint32_t version = 0;
    friend auto operator<=>(const What&, const What&) = default;
  };
  struct When {
    base::UnixMillis last;
    std::uint64_t count = 0;
  };

  base::UnixMillis since_;
  std::deque<Refusal> refusals_;  // the latest
  std::uint64_t refused_ = 0;
  std::map<What, When> releases_;
  bool complete_ = true;  // false once an entry had to make room
};

}  // namespace concordat::keyservice
