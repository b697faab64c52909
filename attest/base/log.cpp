#include "attest/base/log.hpp"

#include <unistd.h>

#include "attest/base/clock.hpp"
#include "attest/base/json_text.hpp"

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
  JsonText line;
  line.begin_object();
  line.member("time", std::string_view(format_rfc3339(system_wall_clock())));
  line.member("level", level);
  line.member("program", std::string_view(program_));
  line.member("event", event);
  if (why != nullptr) {
    line.member("code", why->name());
    line.member("detail", std::string_view(why->to_string()));
  }
  for (const LogField& field : fields)
    std::visit([&](const auto& value) { line.member(field.key, value); }, field.value);
  line.end_object();
  const std::lock_guard lock(mutex_);
  sink_(line.text());
}

}  // namespace concordat::base
