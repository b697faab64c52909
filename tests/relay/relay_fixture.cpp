#include "tests/relay/relay_fixture.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "attest/base/random.hpp"

namespace concordat::test {
namespace {

constexpr std::chrono::seconds kPatience{60};

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

peer::SocketAddress address(const peer::Endpoint& endpoint) {
  if (const auto ready = peer::address_of(endpoint)) return *ready;
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  in.sin_port = htons(std::get<peer::TcpEndpoint>(endpoint).port);
  return {&in, sizeof(in)};
}

int stream_socket(const peer::SocketAddress& at) {
  const int fd = ::socket(at.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("socket");
  return fd;
}

}  // namespace

Wire::Wire(int fd) : fd_(fd) {
  if (fd < 0) fail("wire");
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
  const timeval patience{kPatience.count(), 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

Wire Wire::connect(const peer::Endpoint& endpoint) {
  const auto at = address(endpoint);
  Wire wire(stream_socket(at));
  if (::connect(wire.fd(), at.data(), static_cast<socklen_t>(at.size())) != 0) fail("connect");
  return wire;
}

void Wire::write(base::BytesView bytes) const {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) fail("send");
    bytes = bytes.subspan(static_cast<std::size_t>(n));
  }
}

base::Bytes Wire::read(std::size_t size) const {
  base::Bytes out(size);
  std::size_t have = 0;
  while (have < size) {
    const ssize_t n = ::recv(fd(), out.data() + have, size - have, 0);
    // A socket that was closed with bytes unread resets; for these tests that is an end as well.
    if (n == 0 || (n < 0 && errno == ECONNRESET)) break;
    if (n < 0) fail("recv");
    have += static_cast<std::size_t>(n);
  }
  out.resize(have);
  return out;
}

base::Bytes Wire::read_to_end() const {
  base::Bytes out;
  for (;;) {
    const base::Bytes some = read(64 * 1024);
    base::append(out, some);
    if (some.size() < 64 * 1024) return out;
  }
}

peer::Preface Wire::read_preface() const {
  base::Bytes bytes;
  while (const std::size_t missing = peer::preface_bytes_missing(bytes).value()) {
    const base::Bytes more = read(missing);
    if (more.empty()) throw std::runtime_error("the stream ended before a preface");
    base::append(bytes, more);
  }
  return peer::decode_preface(bytes).value();
}

Target::Target(const peer::Endpoint& endpoint) : endpoint_(endpoint) {
  const auto at = address(endpoint);
  fd_ = base::Descriptor(stream_socket(at));
  if (::bind(fd_.get(), at.data(), static_cast<socklen_t>(at.size())) != 0) fail("bind");
  if (::listen(fd_.get(), 1024) != 0) fail("listen");
  const timeval patience{kPatience.count(), 0};
  ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  if (auto* tcp = std::get_if<peer::TcpEndpoint>(&endpoint_)) {
    sockaddr_in in{};
    socklen_t size = sizeof(in);
    ::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&in), &size);
    tcp->port = ntohs(in.sin_port);
  }
}

Wire Target::accept() const {
  return Wire(::accept4(fd_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

base::Bytes random_bytes(std::size_t size) {
  base::Bytes out(size);
  base::SystemRandom().fill(out);
  return out;
}

RelayTest::RelayTest() {
  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

RelayTest::~RelayTest() {
  if (relay_) thread_.call([this] { relay_.reset(); });
  thread_.join();
}

void RelayTest::start(const peer::relay::Limits& limits, peer::relay::CarrierMode mode) {
  peer::relay::Parts parts;
  parts.log = &log_;
  parts.carrier_mode = mode;
  parts.route = [this](const peer::Source&,
                       const peer::Target& target) -> std::optional<peer::relay::Route> {
    const std::lock_guard lock(mutex_);
    const auto found = routes_.find(to_string(target));
    if (found == routes_.end()) return {};
    return found->second;
  };
  parts.serve = [](peer::StreamSocket stream, const peer::Source&, const peer::relay::Slot&) {
    // The shortest service there is: it says so and ends.
    boost::system::error_code ignored;
    stream.send(boost::asio::buffer("served", 6), 0, ignored);
  };
  front_ = thread_.call([&] {
    relay_ = std::make_unique<peer::relay::Relay>(thread_.io(), limits, std::move(parts));
    return relay_->listen(front_, {}, [this](const peer::PeerAddress&) { return caller_; }).value();
  });
}

void RelayTest::route(const std::string& target, peer::relay::Route::Kind kind,
                      const peer::Endpoint& endpoint) {
  const std::lock_guard lock(mutex_);
  routes_[target] = {kind, endpoint};
}

Wire RelayTest::ask(const std::string& target) const {
  Wire wire = Wire::connect(front_);
  wire.write(peer::encode_preface(peer::parse_target(target).value()));
  return wire;
}

Wire RelayTest::open(const std::string& target) const {
  Wire wire = ask(target);
  const peer::Preface answer = wire.read_preface();
  if (answer != peer::Preface(peer::Answer::ok)) {
    throw std::runtime_error("refused: " + std::string(name_of(std::get<peer::Answer>(answer))));
  }
  return wire;
}

peer::relay::Snapshot RelayTest::snapshot() {
  return thread_.call([this] { return relay_->snapshot(); });
}

peer::relay::CallerCounters RelayTest::counters(const std::string& who) {
  return snapshot().callers[who];
}

bool RelayTest::eventually(const std::function<bool(const peer::relay::CallerCounters&)>& holds) {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (!holds(counters())) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace concordat::test
