#include "keyservice/audit/error_copy.hpp"

#include <new>

namespace concordat::keyservice::audit {

base::Error copy_of(const base::Error& error) noexcept {
  try {
    return error;
  } catch (const std::bad_alloc&) {
    return base::Error(error.code());
  }
}

base::Error with_code(boost::system::error_code code, const base::Error& why) noexcept {
  try {
    return base::Error(code, why.to_string());
  } catch (const std::bad_alloc&) {
    return base::Error(code);
  }
}

}  // namespace concordat::keyservice::audit
