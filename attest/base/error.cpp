#include "attest/base/error.hpp"

namespace concordat::base {

std::string_view Error::name() const noexcept {
  if (const auto* named = dynamic_cast<const NamedCategory*>(&code_.category())) {
    return named->code_name(code_.value());
  }
  return code_.category().name();
}

std::string Error::to_string() const {
  return detail_.empty() ? code_.message() : code_.message() + ": " + detail_;
}

}  // namespace concordat::base
