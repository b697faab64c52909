#include "deploy/cli/passphrase.hpp"

#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "attest/base/file.hpp"
#include "attest/base/secret_access.hpp"
#include "policy/signer_key.hpp"

namespace concordat::cli {
namespace {

using base::SecretAccess;
using base::SecretBytes;

// Typed characters stay off the screen while this lives.
class SilentTerminal {
 public:
  SilentTerminal() noexcept {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (changed_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;
  [[nodiscard]] bool changed() const noexcept { return changed_; }

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace

base::Result<SecretBytes> read_passphrase(int fd, std::string_view what) {
  SecretBytes buffer = SecretBytes::zeroed(policy::kMaxPassphrase + 1);
  const auto bytes = buffer.expose_mutable(SecretAccess{});
  std::size_t size = 0;
  for (;;) {
    if (size == bytes.size()) {
      return base::Error(base::FileErrc::too_large, "a " + std::string(what) + " has at most " +
                                                        std::to_string(policy::kMaxPassphrase) +
                                                        " bytes");
    }
    // One at a time: what follows the line is not ours to take.
    const ssize_t n = ::read(fd, &bytes[size], 1);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      return base::Error(base::FileErrc::cannot_read, std::string(what) + " from file descriptor " +
                                                          std::to_string(fd) + ": " +
                                                          std::strerror(errno));
    }
    if (n == 0 || bytes[size] == '\n') break;
    ++size;
  }
  return SecretBytes::take(bytes.first(size));
}

bool can_ask() noexcept {
  return ::isatty(STDIN_FILENO) == 1;
}

base::Result<SecretBytes> ask_passphrase(const char* prompt) {
  const SilentTerminal silent;
  if (!silent.changed()) {
    return base::Error(base::FileErrc::cannot_read, "the terminal cannot hide a passphrase");
  }
  std::fputs(prompt, stderr);
  auto passphrase = read_passphrase(STDIN_FILENO);
  std::fputs("\n", stderr);
  return passphrase;
}

}  // namespace concordat::cli
