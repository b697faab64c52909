// Result<T>: a value or an Error; never a bool, never an exception on the paths that judge peers.
#pragma once

#include <boost/system/result.hpp>
#include <stdexcept>

#include "attest/base/error.hpp"

namespace concordat::base {

template <class T>
using Result = boost::system::result<T, Error>;
using Status = Result<void>;

// Found by argument-dependent lookup when value() is called on a failure: a programming error,
// since every caller checks first.
[[noreturn]] inline void throw_exception_from_error(const Error& error,
                                                    const boost::source_location&) {
  throw std::logic_error("unchecked Result: " + error.to_string());
}

}  // namespace concordat::base

#define CONCORDAT_CONCAT_INNER(a, b) a##b
#define CONCORDAT_CONCAT(a, b) CONCORDAT_CONCAT_INNER(a, b)

// CONCORDAT_TRY(auto x, f()): x is the value, or the enclosing function returns f's error.
#define CONCORDAT_TRY(declaration, expression) \
  CONCORDAT_TRY_INNER(CONCORDAT_CONCAT(concordat_try_, __LINE__), declaration, expression)
#define CONCORDAT_TRY_INNER(temporary, declaration, expression) \
  auto temporary = (expression);                                \
  if (!temporary) return std::move(temporary).error();          \
  declaration = *std::move(temporary)

// CONCORDAT_CHECK(f()): the enclosing function returns f's error, if any.
#define CONCORDAT_CHECK(expression) \
  CONCORDAT_CHECK_INNER(CONCORDAT_CONCAT(concordat_check_, __LINE__), expression)
#define CONCORDAT_CHECK_INNER(temporary, expression) \
  if (auto temporary = (expression); !temporary) return std::move(temporary).error()
