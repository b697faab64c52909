#include "session/messaging/link.hpp"

#include "attest/base/secret_access.hpp"
#include "session/messaging/error.hpp"

namespace concordat::session::messaging {

using base::BytesView;
using base::Error;
using base::SecretAccess;
using base::SecretBytes;

void Link::opened() {
  open_ = true;
  reader_.restart();
  next_out_ = first_kept_;
  current_body_.reset();
  current_offset_ = kFrameHeaderSize;
  acknowledged_ = 0;
  last_in_ = 0;
  last_acknowledged_ = 0;
}

void Link::send(Kind kind, std::shared_ptr<const Body> body) {
  kept_.push_back({kind, std::move(body)});
}

std::size_t Link::waiting() const noexcept {
  if (!open_) return 0;
  std::size_t out = kFrameHeaderSize + current_size() - current_offset_;
  if (acknowledged_ != expected_) out += kFrameHeaderSize;
  for (auto number = std::max(next_out_, first_kept_); number < first_kept_ + kept_.size();
       ++number)
    out += kFrameHeaderSize + kept_[number - first_kept_].body->size();
  return out;
}

// An acknowledgement that is due goes before anything else: who reads a message knows by it that
// what it answers has arrived.
bool Link::begin_next() {
  current_body_.reset();
  if (acknowledged_ != expected_) {
    acknowledged_ = expected_;
    current_header_ = frame_header(Kind::acknowledgement, expected_, 0);
  } else {
    next_out_ = std::max(next_out_, first_kept_);
    if (next_out_ == first_kept_ + kept_.size()) return false;
    const Kept& next = kept_[next_out_ - first_kept_];
    current_body_ = next.body;
    current_header_ = frame_header(next.kind, next_out_, next.body->size());
    last_out_ = std::max(last_out_, next_out_);
    ++next_out_;
  }
  current_offset_ = 0;
  return true;
}

std::size_t Link::copy_current(std::span<std::uint8_t> to) {
  const auto copy_part = [&](BytesView part) {
    const BytesView some = part.first(std::min(part.size(), to.size()));
    std::ranges::copy(some, to.begin());
    to = to.subspan(some.size());
    current_offset_ += some.size();
  };
  const std::size_t room = to.size();
  if (current_offset_ < kFrameHeaderSize) {
    copy_part(BytesView(current_header_).subspan(current_offset_));
  }
  if (current_offset_ >= kFrameHeaderSize && current_body_) {
    copy_part(current_body_->view().subspan(current_offset_ - kFrameHeaderSize));
  }
  return room - to.size();
}

SecretBytes Link::take(std::size_t most) {
  SecretBytes out = SecretBytes::zeroed(std::min(most, waiting()));
  auto to = out.expose_mutable(SecretAccess{});
  while (!to.empty() && (has_current() || begin_next()))
    to = to.subspan(copy_current(to));
  if (!has_current()) {  // nor is it kept for its own sake
    current_body_.reset();
    current_offset_ = kFrameHeaderSize;
  }
  return out;
}

base::Result<std::optional<Frame>> Link::receive(BytesView& piece) {
  while (true) {
    CONCORDAT_TRY(std::optional<Frame> frame, reader_.take(piece));
    if (!frame) return std::optional<Frame>();
    if (frame->kind == Kind::acknowledgement) {
      CONCORDAT_CHECK(take_acknowledgement(frame->number));
      continue;
    }
    if (frame->number <= last_in_ || frame->number > expected_) {
      return Error(Errc::unexpected_number, std::to_string(frame->number) + " after " +
                                                std::to_string(last_in_) + ", want " +
                                                std::to_string(expected_));
    }
    last_in_ = frame->number;
    if (frame->number < expected_) continue;  // again, from before the channel
    ++expected_;
    return frame;
  }
}

base::Status Link::take_acknowledgement(std::uint64_t number) {
  const bool is_new = last_acknowledged_ == 0 ? number >= first_kept_ : number > last_acknowledged_;
  if (!is_new || number > last_out_ + 1) {
    return Error(Errc::unexpected_acknowledgement, std::to_string(number));
  }
  last_acknowledged_ = number;
  while (first_kept_ < number) {
    kept_.pop_front();
    ++first_kept_;
  }
  return {};
}

std::size_t Link::held() const noexcept {
  std::size_t out = reader_.held() + current_size();
  for (const Kept& kept : kept_)
    out += kept.body->size();
  return out;
}

void Link::forget() {
  open_ = false;
  reader_.restart();
  first_kept_ += kept_.size();
  kept_.clear();
  current_body_.reset();
  current_offset_ = kFrameHeaderSize;
}

}  // namespace concordat::session::messaging
