#include "tests/vm/cuse_device.hpp"

#include <linux/fuse.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "deploy/lab/error.hpp"

namespace concordat::vm {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Status;

constexpr std::uint32_t kIoctl = 0xC0200A00;
constexpr std::size_t kMaxRequest = 0x1000;
constexpr std::size_t kMaxResponse = 0x3000;

struct NsmIovec {
  std::uint64_t address;
  std::uint64_t length;
};
struct NsmRaw {
  NsmIovec request;
  NsmIovec response;
};
static_assert(sizeof(NsmRaw) == 32);

// The device has no read() or write(); the kernel wants at least 4096 named all the same, and a
// buffer that holds that and the headers, at least FUSE_MIN_READ_BUFFER.
constexpr std::uint32_t kMaxTransfer = 4096;
constexpr std::size_t kReadBuffer = 1 << 16;
static_assert(kReadBuffer >= FUSE_MIN_READ_BUFFER + kMaxTransfer);

template <class T>
BytesView object_bytes(const T& object) {
  return {reinterpret_cast<const std::uint8_t*>(&object), sizeof object};
}
BytesView object_bytes(std::span<const fuse_ioctl_iovec> iovecs) {
  return {reinterpret_cast<const std::uint8_t*>(iovecs.data()), iovecs.size_bytes()};
}

template <class T>
std::optional<T> read_object(BytesView from) {
  if (from.size() < sizeof(T)) return std::nullopt;
  T object;
  std::memcpy(&object, from.data(), sizeof object);
  return object;
}

}  // namespace

Error CuseDevice::run(const std::function<void()>& ready) {
  Bytes buffer(kReadBuffer);
  for (;;) {
    const ssize_t n = ::read(cuse_, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return lab::system_error("read /dev/cuse");
    const BytesView message(buffer.data(), static_cast<std::size_t>(n));
    const auto header = read_object<fuse_in_header>(message);
    if (!header) return Error(lab::LabErrc::bad_request, "the kernel sent a short message");
    const bool was_started = started_;
    if (auto handled = handle(*header, message.subspan(sizeof *header)); !handled) {
      return std::move(handled).error();
    }
    if (started_ && !was_started) ready();
  }
}

Status CuseDevice::handle(const fuse_in_header& header, BytesView body) {
  switch (header.opcode) {
    case CUSE_INIT:
      return start(header);
    case FUSE_OPEN:
      return reply(header, {object_bytes(fuse_open_out{})});
    case FUSE_RELEASE:
    case FUSE_FLUSH:
      return reply(header, {});
    case FUSE_INTERRUPT:  // the request that it names was answered before this message was read
    case FUSE_FORGET:
      return {};
    case FUSE_IOCTL:
      return ioctl(header, body);
    default:
      return refuse(header, ENOSYS);
  }
}

Status CuseDevice::start(const fuse_in_header& header) {
  cuse_init_out out{};
  out.major = FUSE_KERNEL_VERSION;
  out.minor = FUSE_KERNEL_MINOR_VERSION;
  out.flags = CUSE_UNRESTRICTED_IOCTL;  // nsm_raw holds addresses, which no ioctl number describes
  out.max_read = kMaxTransfer;
  out.max_write = kMaxTransfer;
  CONCORDAT_CHECK(
      reply(header, {object_bytes(out),
                     {reinterpret_cast<const std::uint8_t*>(info_.c_str()), info_.size() + 1}}));
  started_ = true;  // the node was made while the reply was written
  return {};
}

// CUSE hands over the caller's memory only after it was asked for: first nothing, then nsm_raw,
// then nsm_raw, the request and room for the response.
Status CuseDevice::ioctl(const fuse_in_header& header, BytesView body) {
  const auto call = read_object<fuse_ioctl_in>(body);
  if (!call || call->cmd != kIoctl) return refuse(header, EINVAL);
  const BytesView input = body.subspan(sizeof *call);
  const fuse_ioctl_iovec whole{call->arg, sizeof(NsmRaw)};
  auto raw = read_object<NsmRaw>(input);
  if (!raw) return ask_again(header, {{whole}}, {});
  if (raw->request.length > kMaxRequest) return refuse(header, EMSGSIZE);
  const std::uint64_t room = std::min<std::uint64_t>(raw->response.length, kMaxResponse);
  if (input.size() != sizeof *raw + raw->request.length || call->out_size != sizeof *raw + room) {
    return ask_again(header, {{whole, {raw->request.address, raw->request.length}}},
                     {{whole, {raw->response.address, room}}});
  }
  const auto response = module_.exchange(input.subspan(sizeof *raw));
  if (!response) return refuse(header, EIO);
  raw->response.length = std::min<std::uint64_t>(room, response->size());
  return reply(header, {object_bytes(fuse_ioctl_out{}), object_bytes(*raw),
                        BytesView(*response).first(raw->response.length)});
}

Status CuseDevice::ask_again(const fuse_in_header& header, std::span<const fuse_ioctl_iovec> in,
                             std::span<const fuse_ioctl_iovec> out) {
  fuse_ioctl_out retry{};
  retry.flags = FUSE_IOCTL_RETRY;
  retry.in_iovs = static_cast<std::uint32_t>(in.size());
  retry.out_iovs = static_cast<std::uint32_t>(out.size());
  return reply(header, {object_bytes(retry), object_bytes(in), object_bytes(out)});
}

Status CuseDevice::refuse(const fuse_in_header& header, int error) {
  return write_message(header, error, {});
}

Status CuseDevice::reply(const fuse_in_header& header, std::initializer_list<BytesView> parts) {
  return write_message(header, 0, parts);
}

Status CuseDevice::write_message(const fuse_in_header& in, int error,
                                 std::initializer_list<BytesView> parts) {
  fuse_out_header out{};
  out.error = -error;
  out.unique = in.unique;
  Bytes message(sizeof out);
  for (const BytesView part : parts)
    base::append(message, part);
  out.len = static_cast<std::uint32_t>(message.size());
  std::memcpy(message.data(), &out, sizeof out);
  // ENOENT: the caller was interrupted and the kernel no longer waits for this answer.
  if (::write(cuse_, message.data(), message.size()) < 0 && errno != ENOENT) {
    return lab::system_error("write /dev/cuse");
  }
  return {};
}

}  // namespace concordat::vm
