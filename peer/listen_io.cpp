#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <cstring>

#include "peer/reserved_memory_io.hpp"
#include "peer/socket_address.hpp"
#include "peer/stream_io.hpp"

namespace concordat::peer {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using base::Error;
using base::Result;
using base::Status;
using boost::system::error_code;
using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

// How long to wait before accepting again when the kernel has no descriptor left.
constexpr std::chrono::milliseconds kAcceptPause{100};

Error cannot_listen(const Endpoint& endpoint, const std::string& why) {
  return Error(StreamErrc::cannot_listen, to_string(endpoint) + ": " + why);
}

// A socket's file outlives a program that was killed. It may go only when nobody answers there.
Status remove_stale_socket(const UnixEndpoint& at, const SocketAddress& address) {
  struct stat info {};
  if (::lstat(at.path.c_str(), &info) != 0) return {};  // bind says what is wrong, if anything
  if (!S_ISSOCK(info.st_mode)) return cannot_listen(at, "the file exists and is not a socket");
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return cannot_listen(at, std::strerror(errno));
  const int connected = ::connect(probe, address.data(), static_cast<socklen_t>(address.size()));
  const bool refused = connected != 0 && errno == ECONNREFUSED;
  ::close(probe);
  if (!refused) return cannot_listen(at, "another program listens there");
  if (::unlink(at.path.c_str()) != 0) return cannot_listen(at, std::strerror(errno));
  return {};
}

Status resolve_to_bind(asio::io_context& io, const Endpoint& endpoint, SocketAddress& out) {
  if (const auto address = address_of(endpoint)) {
    out = *address;
    return {};
  }
  const auto& at = std::get<TcpEndpoint>(endpoint);
  tcp::resolver resolver(io);
  error_code failure;
  const auto found =
      resolver.resolve(at.host, std::to_string(at.port),
                       tcp::resolver::passive | tcp::resolver::numeric_service, failure);
  if (failure || found.empty()) return cannot_listen(endpoint, failure.message());
  out = SocketAddress(found.begin()->endpoint());
  return {};
}

Status bind_and_listen(Acceptor& acceptor, const Endpoint& endpoint, const SocketAddress& address,
                       ListenOptions options) {
  error_code failure;
  acceptor.open(address.protocol(), failure);
  if (!failure && std::holds_alternative<TcpEndpoint>(endpoint)) {
    acceptor.set_option(asio::socket_base::reuse_address(true), failure);
  }
  const auto* const at = std::get_if<UnixEndpoint>(&endpoint);
  const auto mode = static_cast<mode_t>(options.unix_mode);
  // Nobody gets in who may not: bind creates the file under the socket's own mode, less the umask.
  if (!failure && at != nullptr && ::fchmod(acceptor.native_handle(), mode) != 0) {
    return cannot_listen(endpoint, std::strerror(errno));
  }
  if (!failure) acceptor.bind(address, failure);
  // And whoever may gets in, whatever the umask.
  if (!failure && at != nullptr && ::chmod(at->path.c_str(), mode) != 0) {
    return cannot_listen(endpoint, std::strerror(errno));
  }
  if (!failure) acceptor.listen(options.backlog, failure);
  if (failure) return cannot_listen(endpoint, failure.message());
  return {};
}

}  // namespace

class Listener::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(asio::io_context& io, Endpoint local)
      : acceptor_(io), pause_(io), local_(std::move(local)) {}

  Status open(asio::io_context& io, ListenOptions options) {
    SocketAddress address;
    CONCORDAT_CHECK(resolve_to_bind(io, local_, address));
    if (const auto* at = std::get_if<UnixEndpoint>(&local_)) {
      CONCORDAT_CHECK(remove_stale_socket(*at, address));
    }
    CONCORDAT_CHECK(bind_and_listen(acceptor_, local_, address, options));
    owns_file_ = std::holds_alternative<UnixEndpoint>(local_);
    if (auto* at = std::get_if<TcpEndpoint>(&local_)) {
      error_code failure;
      at->port = tcp_port_of(acceptor_.local_endpoint(failure));
    }
    return {};
  }

  void start(AcceptHandler handler) {
    handler_ = std::move(handler);
    error_code failure;
    acceptor_.non_blocking(true, failure);
    wait();
  }

  void close() {
    error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    handler_ = nullptr;
    if (std::exchange(owns_file_, false)) ::unlink(std::get<UnixEndpoint>(local_).path.c_str());
  }

  [[nodiscard]] const Endpoint& local() const noexcept { return local_; }

 private:
  // In memory that is set aside, and not by async_accept, which makes the socket inside of Asio: a
  // shortage there would take the wait for the next one with it.
  void wait() {
    acceptor_.async_wait(Acceptor::wait_read,
                         with(memory_, [self = shared_from_this()](error_code failure) {
                           if (!self->handler_) return;  // closed meanwhile
                           failure ? self->pause_and_go_on() : self->accept();
                         }));
  }

  void accept() {
    error_code failure;
    try {
      StreamSocket stream(acceptor_.get_executor());
      acceptor_.accept(stream, from_, failure);
      if (!failure) hand_over(std::move(stream));
    } catch (const std::bad_alloc&) {  // that stream is closed; the next may find memory
      failure.clear();
    }
    if (!handler_) return;
    const bool is_over = failure && failure != asio::error::would_block &&
                         failure != asio::error::connection_aborted;
    is_over ? pause_and_go_on() : wait();
  }

  void hand_over(StreamSocket stream) {
    if (std::holds_alternative<TcpEndpoint>(local_)) {
      error_code without;  // a socket without the option is slower, not wrong
      stream.set_option(tcp::no_delay(true), without);
    }
    const AcceptHandler handler = handler_;  // it may close this listener
    handler(std::move(stream),
            PeerAddress{context_id_of(from_), network_of(from_), text_of(from_)});
  }

  void pause_and_go_on() {
    pause_.expires_after(kAcceptPause);
    pause_.async_wait(with(memory_, [self = shared_from_this()](error_code failure) {
      if (!failure && self->handler_) self->wait();
    }));
  }

  Acceptor acceptor_;
  asio::steady_timer pause_;
  ReservedMemoryPtr memory_ = std::make_shared<ReservedMemory>();
  Endpoint local_;
  SocketAddress from_;
  AcceptHandler handler_;
  bool owns_file_ = false;
};

Listener::Listener(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Listener::~Listener() {
  impl_->close();
}

Result<std::unique_ptr<Listener>> Listener::open(asio::io_context& io, const Endpoint& endpoint,
                                                 ListenOptions options) {
  auto impl = std::make_shared<Impl>(io, endpoint);
  CONCORDAT_CHECK(impl->open(io, options));
  return std::unique_ptr<Listener>(new Listener(std::move(impl)));
}
void Listener::start(AcceptHandler handler) {
  impl_->start(std::move(handler));
}
void Listener::close() {
  impl_->close();
}
const Endpoint& Listener::local() const noexcept {
  return impl_->local();
}

}  // namespace concordat::peer
