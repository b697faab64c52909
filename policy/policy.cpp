#include "policy/policy.hpp"

#include "policy/errc.hpp"

namespace concordat::policy {

base::Status Policy::valid_at(base::UnixMillis now) const {
  if (now < valid_from()) {
    return base::Error(
        SignatureErrc::not_yet_valid,
        "serial " + std::to_string(serial()) + " begins at " + base::format_rfc3339(valid_from()));
  }
  if (now >= valid_until()) {
    return base::Error(SignatureErrc::expired, "serial " + std::to_string(serial()) + " ended at " +
                                                   base::format_rfc3339(valid_until()));
  }
  return {};
}

}  // namespace concordat::policy
