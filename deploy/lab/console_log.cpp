#include "deploy/lab/console_log.hpp"

#include <fcntl.h>

#include <string_view>

#include "deploy/lab/error.hpp"

namespace concordat::lab {

base::Result<std::unique_ptr<ConsoleLog>> ConsoleLog::open(Reactor& reactor,
                                                           base::Descriptor source,
                                                           const std::filesystem::path& path) {
  base::Descriptor file(
      ::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file.open()) return system_error(path.string());
  if (::fcntl(source.get(), F_SETFL, O_NONBLOCK) != 0) return system_error("console");
  return std::unique_ptr<ConsoleLog>(new ConsoleLog(reactor, std::move(source), std::move(file)));
}

ConsoleLog::ConsoleLog(Reactor& reactor, base::Descriptor source, base::Descriptor file)
    : reactor_(reactor), source_(std::move(source)), file_(std::move(file)) {
  reactor_.watch(source_.get(), POLLIN, [this](short) {
    // At the end of the stream poll would report it for ever.
    if (!copy_some()) reactor_.forget(source_.get());
  });
}

ConsoleLog::~ConsoleLog() {
  reactor_.forget(source_.get());
  while (left_ > 0 && copy_some()) {
  }
}

bool ConsoleLog::copy_some() {
  constexpr std::string_view kCutOff = "\n[the console log is full; what follows is not kept]\n";
  char buffer[16 * 1024];
  const ssize_t n = ::read(source_.get(), buffer, sizeof buffer);
  if (n <= 0) return false;
  const std::size_t kept = std::min(left_, static_cast<std::size_t>(n));
  // A full disk loses console output, nothing else.
  [[maybe_unused]] ssize_t written = ::write(file_.get(), buffer, kept);
  if (left_ > 0 && kept == left_) {
    written = ::write(file_.get(), kCutOff.data(), kCutOff.size());
  }
  left_ -= kept;
  return true;
}

}  // namespace concordat::lab
