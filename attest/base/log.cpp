#include "attest/base/log.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>

#include "attest/base/clock.hpp"

namespace concordat::base {
namespace {

void write_to_standard_error(std::string_view line) {
  const std::string out = std::string(line) + "\n";
  // One write, so that lines of several processes do not mix; a closed stderr loses the line.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, out.data(), out.size());
}

}  // namespace

Logger::Logger(std::string program, Sink sink)
    : program_(std::move(program)), sink_(sink ? std::move(sink) : write_to_standard_error) {}

void Logger::info(std::string_view event, std::initializer_list<LogField> fields) {
  write("info", event, nullptr, fields);
}
void Logger::warn(std::string_view event, std::initializer_list<LogField> fields) {
  write("warn", event, nullptr, fields);
}
void Logger::error(std::string_view event, const Error& why,
                   std::initializer_list<LogField> fields) {
  write("error", event, &why, fields);
}

void Logger::write(std::string_view level, std::string_view event, const Error* why,
                   std::initializer_list<LogField> fields) {
  nlohmann::ordered_json line;
  line["time"] = format_rfc3339(system_wall_clock());
  line["level"] = level;
  line["program"] = program_;
  line["event"] = event;
  if (why != nullptr) {
    line["code"] = why->name();
    line["detail"] = why->to_string();
  }
  for (const LogField& field : fields) {
    std::visit([&](const auto& value) { line[std::string(field.key)] = value; }, field.value);
  }
  // Text from peers may hold any bytes: what is not UTF-8 is replaced, never refused.
  const std::string text = line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  const std::lock_guard lock(mutex_);
  sink_(text);
}

}  // namespace concordat::base
