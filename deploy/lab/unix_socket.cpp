#include "deploy/lab/unix_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>

#include "deploy/lab/error.hpp"

namespace concordat::lab {
namespace {

using base::BytesView;
using base::Descriptor;
using base::Error;
using base::Result;

constexpr int kBacklog = 64;

Result<sockaddr_un> address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.native().size() >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return system_error(path.string());
  }
  std::memcpy(address.sun_path, path.c_str(), path.native().size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<Descriptor> make_socket(int flags) {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!socket.open()) return system_error("socket");
  return socket;
}

Result<Descriptor> connect_to(const std::filesystem::path& path, const std::string& shown,
                              int flags) {
  CONCORDAT_TRY(const sockaddr_un address, address_of(path));
  CONCORDAT_TRY(Descriptor socket, make_socket(flags));
  if (::connect(socket.get(), generic(address), sizeof address) != 0) return system_error(shown);
  return socket;
}

base::Status receive_exactly(int fd, std::span<std::uint8_t> out) {
  while (!out.empty()) {
    CONCORDAT_TRY(const auto n, receive_some(fd, out));
    // A blocking socket would block only where its time-out ran out.
    if (!n) return Error(LabErrc::peer_closed, "no answer in time");
    if (*n == 0) return Error(LabErrc::peer_closed, "in the middle of a frame or before it");
    out = out.subspan(*n);
  }
  return {};
}

std::uint32_t frame_size(BytesView head) {
  return std::uint32_t{head[0]} << 24 | std::uint32_t{head[1]} << 16 | std::uint32_t{head[2]} << 8 |
         std::uint32_t{head[3]};
}

Error frame_too_long(std::size_t size, std::size_t max) {
  return {LabErrc::bad_request,
          "a frame of " + std::to_string(size) + " bytes (" + std::to_string(max) + " allowed)"};
}

}  // namespace

Result<Descriptor> listen_unix(const std::filesystem::path& path) {
  CONCORDAT_TRY(const sockaddr_un address, address_of(path));
  CONCORDAT_TRY(Descriptor socket, make_socket(SOCK_NONBLOCK));
  // The mode before listen(): nobody can connect in between.
  if (::bind(socket.get(), generic(address), sizeof address) != 0 ||
      ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::listen(socket.get(), kBacklog) != 0) {
    return system_error(path.string());
  }
  return socket;
}

Result<Descriptor> connect_unix(const std::filesystem::path& path, Blocking blocking) {
  return connect_to(path, path.string(), blocking == Blocking::yes ? 0 : SOCK_NONBLOCK);
}

Result<Descriptor> connect_within(const std::filesystem::path& folder, const std::string& name) {
  const std::string shown = (folder / name).string();
  const Descriptor directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!directory.open()) return system_error(folder.string());
  const Descriptor target(::openat(directory.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!target.open() || ::fstat(target.get(), &status) != 0) return system_error(shown);
  if (!S_ISSOCK(status.st_mode)) return Error(LabErrc::bad_request, shown + " is not a socket");
  return connect_to("/proc/self/fd/" + std::to_string(target.get()), shown, SOCK_NONBLOCK);
}

Result<std::optional<Descriptor>> accept_unix(int listener) {
  Descriptor socket(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (socket.open()) return std::optional(std::move(socket));
  if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
    return std::optional<Descriptor>();
  return system_error("accept");
}

Result<std::optional<std::size_t>> receive_some(int fd, std::span<std::uint8_t> out) {
  for (;;) {
    const ssize_t n = ::recv(fd, out.data(), out.size(), 0);
    if (n >= 0) return std::optional(static_cast<std::size_t>(n));
    if (errno == EAGAIN) return std::optional<std::size_t>();
    if (errno != EINTR) return system_error("receive");
  }
}

Result<std::optional<std::size_t>> send_some(int fd, BytesView bytes) {
  for (;;) {
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) return std::optional(static_cast<std::size_t>(n));
    if (errno == EAGAIN) return std::optional<std::size_t>();
    if (errno != EINTR) return system_error("send");
  }
}

base::Status send_frame(int fd, BytesView body) {
  base::Bytes frame;
  append_frame(frame, body);
  for (BytesView rest = frame; !rest.empty();) {
    CONCORDAT_TRY(const auto n, send_some(fd, rest));
    if (!n) return Error(LabErrc::peer_closed, "nothing was taken in time");
    rest = rest.subspan(*n);
  }
  return {};
}

Result<base::Bytes> receive_frame(int fd, std::size_t max) {
  std::array<std::uint8_t, kFrameHead> head;
  CONCORDAT_CHECK(receive_exactly(fd, head));
  const std::size_t size = frame_size(head);
  if (size > max) return frame_too_long(size, max);
  base::Bytes body(size);
  CONCORDAT_CHECK(receive_exactly(fd, body));
  return body;
}

void append_frame(base::Bytes& out, BytesView body) {
  const auto size = static_cast<std::uint32_t>(body.size());
  for (int shift = 24; shift >= 0; shift -= 8) {
    out.push_back(static_cast<std::uint8_t>(size >> shift));
  }
  base::append(out, body);
}

Result<std::optional<BytesView>> peek_frame(BytesView buffer, std::size_t max) {
  if (buffer.size() < kFrameHead) return std::optional<BytesView>();
  const std::size_t size = frame_size(buffer);
  if (size > max) return frame_too_long(size, max);
  if (buffer.size() - kFrameHead < size) return std::optional<BytesView>();
  return std::optional(buffer.subspan(kFrameHead, size));
}

}  // namespace concordat::lab
