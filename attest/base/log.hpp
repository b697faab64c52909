// One JSON object a line: time, level, event, fields. Events have stable snake_case names. There is
// no overload for SecretBytes, so a secret cannot be logged by mistake.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <variant>

#include "attest/base/error.hpp"

namespace concordat::base {

struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, bool>;
  std::string_view key;
  Value value;

  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  template <class Integer, class = std::enable_if_t<std::is_integral_v<Integer>>>
  LogField(std::string_view k, Integer v) : key(k), value(static_cast<std::int64_t>(v)) {}
};

class Logger {
 public:
  // Receives one line without its line feed; called under the logger's lock.
  using Sink = std::function<void(std::string_view line)>;

  // `program` goes into every line. The default sink writes to standard error.
  explicit Logger(std::string program, Sink sink = {});

  void info(std::string_view event, std::initializer_list<LogField> fields = {});
  void warn(std::string_view event, std::initializer_list<LogField> fields = {});
  void error(std::string_view event, const Error& why, std::initializer_list<LogField> fields = {});

 private:
  void write(std::string_view level, std::string_view event, const Error* why,
             std::initializer_list<LogField> fields);

  std::string program_;
  Sink sink_;
  std::mutex mutex_;
};

}  // namespace concordat::base
