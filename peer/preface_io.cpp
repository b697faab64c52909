#include "peer/preface_io.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

namespace concordat::peer {
namespace {

namespace asio = boost::asio;
using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using boost::system::error_code;

// A stream with a deadline over one exchange of prefaces.
class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  explicit Exchange(StreamSocket stream)
      : stream_(std::move(stream)), timer_(stream_.get_executor()) {}

  void start_deadline(std::chrono::milliseconds timeout) {
    timer_.expires_after(timeout);
    timer_.async_wait([weak = weak_from_this()](error_code failure) {
      const auto self = weak.lock();
      if (failure || !self) return;
      self->late_ = true;
      error_code ignored;
      self->stream_.cancel(ignored);
    });
  }

  void read(PrefaceHandler handler) {
    const auto missing = preface_bytes_missing(bytes_);
    if (!missing) return give_back(handler, missing.error());
    if (*missing == 0) return give_back(handler, decode_preface(bytes_));
    const std::size_t have = bytes_.size();
    bytes_.resize(have + *missing);
    asio::async_read(
        stream_, asio::buffer(bytes_.data() + have, *missing),
        [self = shared_from_this(), handler = std::move(handler)](error_code failure, std::size_t) {
          if (failure) return self->give_back(handler, self->why(failure));
          self->read(handler);
        });
  }

  void write(const Preface& preface, WriteHandler handler) {
    bytes_ = encode_preface(preface);
    asio::async_write(
        stream_, asio::buffer(bytes_),
        [self = shared_from_this(), handler = std::move(handler)](error_code failure, std::size_t) {
          self->bytes_.clear();
          self->timer_.cancel();
          handler(std::move(self->stream_), failure ? Status(self->why(failure)) : Status());
        });
  }

 private:
  void give_back(const PrefaceHandler& handler, Result<Preface> result) {
    timer_.cancel();
    handler(std::move(stream_), std::move(result));
  }

  [[nodiscard]] Error why(error_code failure) const {
    if (late_) return StreamErrc::timed_out;
    if (failure == asio::error::eof) return StreamErrc::ended;
    return Error(StreamErrc::broken, failure.message());
  }

  StreamSocket stream_;
  asio::steady_timer timer_;
  Bytes bytes_;
  bool late_ = false;
};

Status judge_answer(const Preface& preface) {
  const auto* answer = std::get_if<Answer>(&preface);
  if (answer == nullptr) return Error(PrefaceErrc::unexpected_kind, "want an answer");
  switch (*answer) {
    case Answer::ok:
      return {};
    case Answer::unknown_target:
      return RelayErrc::unknown_target;
    case Answer::refused_by_limit:
      return RelayErrc::refused_by_limit;
    case Answer::unreachable:
      return RelayErrc::unreachable;
    case Answer::timed_out:
      return RelayErrc::timed_out;
    case Answer::malformed:
      return RelayErrc::malformed;
    case Answer::unknown_caller:
      return RelayErrc::unknown_caller;
  }
  return PrefaceErrc::bad_answer;
}

// What is left of `timeout` since `start`; never negative.
std::chrono::milliseconds left_of(std::chrono::milliseconds timeout,
                                  std::chrono::steady_clock::time_point start) {
  const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  return std::max(timeout - spent, std::chrono::milliseconds(0));
}

}  // namespace

base::CodeInfo describe(RelayErrc code) noexcept {
  switch (code) {
    case RelayErrc::unknown_target:
      return {"unknown_target", "the parent's configuration does not name this target"};
    case RelayErrc::refused_by_limit:
      return {"refused_by_limit", "the parent's limit on this enclave's streams is reached"};
    case RelayErrc::unreachable:
      return {"unreachable", "nobody answers at the target"};
    case RelayErrc::timed_out:
      return {"timed_out", "the target did not answer the parent in time"};
    case RelayErrc::malformed:
      return {"malformed", "the parent did not understand the relay preface"};
    case RelayErrc::unknown_caller:
      return {"unknown_caller", "the parent's configuration does not name this enclave"};
  }
  return {"unknown", "unknown relay error"};
}

void async_read_preface(StreamSocket stream, std::chrono::milliseconds timeout,
                        PrefaceHandler handler) {
  const auto exchange = std::make_shared<Exchange>(std::move(stream));
  exchange->start_deadline(timeout);
  exchange->read(std::move(handler));
}

void async_write_preface(StreamSocket stream, const Preface& preface,
                         std::chrono::milliseconds timeout, WriteHandler handler) {
  const auto exchange = std::make_shared<Exchange>(std::move(stream));
  exchange->start_deadline(timeout);
  exchange->write(preface, std::move(handler));
}

void async_ask_for_target(StreamSocket stream, const Target& target,
                          std::chrono::milliseconds timeout, ConnectHandler handler) {
  const auto start = std::chrono::steady_clock::now();
  async_write_preface(
      std::move(stream), target, timeout,
      [timeout, start, handler = std::move(handler)](StreamSocket asked, Status written) {
        // A relay that refuses at once may close its side before the preface is written: its
        // answer is read all the same.
        if (!written && !written.error().is(StreamErrc::broken)) return handler(written.error());
        async_read_preface(std::move(asked), left_of(timeout, start),
                           [handler](StreamSocket answered, const Result<Preface>& preface) {
                             if (!preface) return handler(preface.error());
                             const Status judged = judge_answer(*preface);
                             if (!judged) return handler(judged.error());
                             handler(std::move(answered));
                           });
      });
}

void async_dial_target(asio::io_context& io, const Endpoint& relay, const Target& target,
                       std::chrono::milliseconds timeout, ConnectHandler handler) {
  const auto start = std::chrono::steady_clock::now();
  async_connect(io, relay, timeout,
                [target, timeout, start, handler = std::move(handler)](Result<StreamSocket> found) {
                  if (!found) return handler(found.error());
                  async_ask_for_target(*std::move(found), target, left_of(timeout, start), handler);
                });
}

void async_read_source(StreamSocket stream, std::chrono::milliseconds timeout,
                       SourceHandler handler) {
  async_read_preface(
      std::move(stream), timeout,
      [handler = std::move(handler)](StreamSocket read, const Result<Preface>& preface) {
        if (!preface) return handler(std::move(read), preface.error());
        const auto* source = std::get_if<Source>(&*preface);
        if (source == nullptr) {
          return handler(std::move(read), Error(PrefaceErrc::unexpected_kind, "want a source"));
        }
        handler(std::move(read), *source);
      });
}

}  // namespace concordat::peer
