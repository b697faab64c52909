// Messages to one party and from it, each once and in order, over channels that come and go.
//
// What was sent is kept until it is acknowledged and goes out again on the next channel. On one
// channel numbers only grow, so that a peer that repeats itself is noticed.
#pragma once

#include <deque>
#include <memory>

#include "session/messaging/frame.hpp"

namespace concordat::session::messaging {

class Link {
 public:
  explicit Link(const FrameLimits& limits) : reader_(limits) {}

  // A new channel, in place of any earlier one.
  void opened();
  void lost() { open_ = false; }
  [[nodiscard]] bool is_open() const noexcept { return open_; }

  void send(Kind kind, std::shared_ptr<const Body> body);
  // The next bytes for the channel, at most `most`; empty: none now. What was taken counts as sent
  // on this channel.
  [[nodiscard]] base::SecretBytes take(std::size_t most);
  [[nodiscard]] std::size_t waiting() const noexcept;

  // Takes from the front of `piece`, which came on the channel, up to the next message that is new;
  // nullopt: all was taken. An error is the peer's fault and ends the channel.
  [[nodiscard]] base::Result<std::optional<Frame>> receive(base::BytesView& piece);

  // Messages sent that the peer has not acknowledged.
  [[nodiscard]] std::size_t unacknowledged() const noexcept { return kept_.size(); }
  // Nothing is owed to either side.
  [[nodiscard]] bool is_settled() const noexcept {
    return kept_.empty() && open_ && acknowledged_ == expected_ && !has_current();
  }
  [[nodiscard]] std::size_t held() const noexcept;
  // Of a peer that is not spoken to any more.
  void forget();

 private:
  struct Kept {
    Kind kind;
    std::shared_ptr<const Body> body;
  };
  [[nodiscard]] bool has_current() const noexcept {
    return current_offset_ < kFrameHeaderSize + current_size();
  }
  [[nodiscard]] std::size_t current_size() const noexcept {
    return current_body_ ? current_body_->size() : 0;
  }
  [[nodiscard]] bool begin_next();
  [[nodiscard]] std::size_t copy_current(std::span<std::uint8_t> to);
  [[nodiscard]] base::Status take_acknowledgement(std::uint64_t number);

  bool open_ = false;
  FrameReader reader_;

  std::deque<Kept> kept_;
  std::uint64_t first_kept_ = 1;  // the number of kept_.front(), or of what is sent next
  std::uint64_t next_out_ = 1;    // on this channel
  std::uint64_t last_out_ = 0;    // on any channel
  FrameHeader current_header_{};  // what is being handed out
  std::shared_ptr<const Body> current_body_;
  std::size_t current_offset_ = kFrameHeaderSize;

  std::uint64_t expected_ = 1;
  std::uint64_t acknowledged_ = 0;       // told on this channel; 0: nothing yet
  std::uint64_t last_in_ = 0;            // on this channel
  std::uint64_t last_acknowledged_ = 0;  // by the peer on this channel; 0: nothing yet
};

}  // namespace concordat::session::messaging
