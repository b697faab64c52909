// A log's files as an auditor reads them, wherever they lie.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"

namespace concordat::keyservice::audit {

class Source {
 public:
  virtual ~Source() = default;

  // nullopt: there is none of this name. Larger than `max` is an error.
  [[nodiscard]] virtual base::Result<std::optional<base::Bytes>> read(const std::string& name,
                                                                      std::size_t max) = 0;
  // Of every file that is there, in any order.
  [[nodiscard]] virtual base::Result<std::vector<std::string>> names() = 0;
};

}  // namespace concordat::keyservice::audit
