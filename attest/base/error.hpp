// Errors that cannot lie: one enumerator per cause, each with a stable name that appears in logs,
// JSON output and metrics, and a sentence for people. An Error is a code plus where it happened.
#pragma once

#include <boost/system/error_code.hpp>
#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace concordat::base {

// One row of a module's error table.
struct CodeInfo {
  std::string_view name;     // stable, snake_case; part of the public interface
  std::string_view message;  // one sentence, no trailing stop
};

// Base of every module's category: adds the stable name to what error_category offers.
class NamedCategory : public boost::system::error_category {
 public:
  // `code_name` of a value that the table does not know is "unknown".
  [[nodiscard]] virtual std::string_view code_name(int value) const noexcept = 0;
};

// Specialise `describe(E)` (found by argument-dependent lookup, returns CodeInfo) and
// `category_name(E)` for an enum E whose enumerators start at 1, then define
//   inline boost::system::error_code make_error_code(Errc e) { return base::enum_code(e); }
template <class E>
class EnumCategory final : public NamedCategory {
 public:
  [[nodiscard]] const char* name() const noexcept override { return category_name(E{}); }
  [[nodiscard]] std::string_view code_name(int value) const noexcept override {
    return describe(static_cast<E>(value)).name;
  }
  [[nodiscard]] std::string message(int value) const override {
    return std::string(describe(static_cast<E>(value)).message);
  }
};

template <class E>
[[nodiscard]] const NamedCategory& enum_category() noexcept {
  static const EnumCategory<E> category;
  return category;
}

template <class E>
[[nodiscard]] boost::system::error_code enum_code(E value) noexcept {
  return {static_cast<int>(value), enum_category<E>()};
}

// An enum with a table of its own, as above.
template <class E>
concept ErrorCodeEnum = std::is_enum_v<E> && requires(E value) {
  { make_error_code(value) } -> std::same_as<boost::system::error_code>;
};

// A cause and, where it helps, what was wrong and where ("pcrs[17]: 47 bytes").
// `detail` never holds secret bytes; it may hold bytes chosen by a peer only after quoting.
class [[nodiscard]] Error {
 public:
  Error() = default;  // no error: what Result::error() of a value returns
  Error(boost::system::error_code code, std::string detail = {})
      : code_(code), detail_(std::move(detail)) {}
  template <ErrorCodeEnum E>
  Error(E value, std::string detail = {}) : Error(make_error_code(value), std::move(detail)) {}

  [[nodiscard]] const boost::system::error_code& code() const noexcept { return code_; }
  [[nodiscard]] const std::string& detail() const noexcept { return detail_; }
  // Stable name of the code, e.g. "signature_invalid"; the category's own name for foreign codes.
  [[nodiscard]] std::string_view name() const noexcept;
  // "message: detail", one line.
  [[nodiscard]] std::string to_string() const;

  template <ErrorCodeEnum E>
  [[nodiscard]] bool is(E value) const noexcept {
    return code_ == make_error_code(value);
  }

 private:
  boost::system::error_code code_;
  std::string detail_;
};

}  // namespace concordat::base
