// What custodians say they released: key by key, to which enclave, in the report that the parent's
// operator endpoint hands out (policy/README.md, "What had been received"). It comes through
// parents, which may hold it back or make it up, and covers one boot of one custodian: what it
// lists was released, if it is true, and more may have been.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/model.hpp"

namespace concordat::policy {

inline constexpr std::string_view kCustodianReportFormat = "concordat/custodian-report/1";

struct ReleasedKey {
  std::string role;
  std::string image;      // by its name in the policy of that time
  std::string module_id;  // "INSTANCE-encID"
  std::string key;
  std::uint64_t version = 0;
  Operation operation{};
  base::UnixMillis last;  // when it was last done
};

struct ReleasedKeys {
  std::vector<ReleasedKey> keys;
  // False: the report is cut; what the custodian released longest ago it says no more.
  bool is_complete = true;
};

// The releases of a custodian's report. The first mistake with line, column and JSON Pointer
// otherwise; what else the report says is not looked at.
[[nodiscard]] base::Result<ReleasedKeys> read_released_keys(std::string_view text);

}  // namespace concordat::policy
