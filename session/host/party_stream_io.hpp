// One byte stream between two parties: read as it comes, written in order. Whose it is and what it
// means is for its owner.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>

#include "peer/reserved_memory_io.hpp"
#include "peer/stream_io.hpp"

namespace concordat::session::host {

class PartyStream : public std::enable_shared_from_this<PartyStream> {
 public:
  // Called on the io_context; `ended` once and last, never after close(). What is bound here must
  // not keep the stream's owner alive.
  struct Events {
    std::function<void(base::BytesView)> bytes;
    std::function<void()> drained;  // all that was sent is written
    std::function<void()> ended;
  };

  // `first`: what was read from the socket before; comes as bytes, too.
  [[nodiscard]] static std::shared_ptr<PartyStream> open(peer::StreamSocket socket,
                                                         base::Bytes first, Events events);
  explicit PartyStream(peer::StreamSocket socket, Events events);

  void send(base::BytesView bytes);
  [[nodiscard]] std::size_t waiting() const noexcept { return outbox_.size() + written_.size(); }
  // No more is read until resume(): the kernel's buffer fills, and the other side feels it.
  void pause() noexcept { paused_ = true; }
  void resume();
  // Writes what waits, for a little while, and ends. Nothing is told any more.
  void close() noexcept;

 private:
  void read();
  void on_read(boost::system::error_code error, std::size_t size);
  void write();
  void on_written(boost::system::error_code error);
  void end() noexcept;
  // What the io_context calls: want of memory in it ends this stream, and not the program.
  template <class Step>
  void guarded(const Step& step) noexcept {
    try {
      step();
    } catch (const std::bad_alloc&) {
      end();
    }
  }

  peer::StreamSocket socket_;
  boost::asio::io_context& io_;  // as itself: its executor's wrapper would need the heap to post
  Events events_;
  boost::asio::steady_timer closer_;
  base::Bytes inbox_;
  base::Bytes outbox_, written_;
  bool reading_ = false;
  bool paused_ = false;
  bool closing_ = false;
  bool ended_ = false;
  peer::ReservedMemoryPtr farewell_ = std::make_shared<peer::ReservedMemory>();
};

}  // namespace concordat::session::host
