// Errors for those who are told while there may be no memory: then without their detail.
#pragma once

#include "attest/base/result.hpp"

namespace concordat::keyservice::audit {

[[nodiscard]] base::Error copy_of(const base::Error& error) noexcept;
// Another code for it; what it says itself is the detail.
[[nodiscard]] base::Error with_code(boost::system::error_code code,
                                    const base::Error& why) noexcept;

}  // namespace concordat::keyservice::audit
