#include "peer/relay/carrier_io.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace concordat::peer::relay {
namespace {

using Step = Carrier::Step;
using Progress = Carrier::Progress;

constexpr std::size_t kSparePipes = 32;

// Repeats a system call that a signal interrupted.
template <class Call>
ssize_t uninterrupted(Call call) {
  ssize_t n = 0;
  do {
    n = call();
  } while (n < 0 && errno == EINTR);
  return n;
}

Progress progress_of(ssize_t n) {
  if (n > 0) return {Step::moved, static_cast<std::size_t>(n)};
  if (n == 0) return {Step::end};
  if (errno == EAGAIN || errno == EWOULDBLOCK) return {Step::blocked};
  return {Step::failed, 0, errno};
}

// splice(2) names these for descriptors that it cannot serve; a broken socket never does.
bool cannot_splice(const Progress& progress) {
  return progress.step == Step::failed &&
         (progress.error == EINVAL || progress.error == ENOSYS || progress.error == EOPNOTSUPP);
}

Progress splice_once(int from, int to, std::size_t size) {
  return progress_of(uninterrupted([&] {
    return ::splice(from, nullptr, to, nullptr, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
  }));
}

}  // namespace

std::optional<PipePool::Pipe> PipePool::take() {
  if (!spare_.empty()) {
    Pipe pipe = std::move(spare_.back());
    spare_.pop_back();
    return pipe;
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) != 0) return {};
  return Pipe{base::Descriptor(ends[0]), base::Descriptor(ends[1])};
}

void PipePool::give_back(Pipe empty) {
  if (spare_.size() < kSparePipes) spare_.push_back(std::move(empty));
}

Carrier::Carrier(PipePool& pool, CarrierMode mode) : pool_(pool), mode_(mode) {}

Progress Carrier::fill(int from) {
  if (mode_ == CarrierMode::automatic && !pipe_) pipe_ = pool_.take();
  if (!pipe_) mode_ = CarrierMode::copy;
  Progress progress = mode_ == CarrierMode::copy ? fill_buffer(from) : fill_pipe(from);
  if (cannot_splice(progress) && mode_ == CarrierMode::automatic) {
    mode_ = CarrierMode::copy;
    release_if_empty();
    progress = fill_buffer(from);
  }
  if (progress.step == Step::moved) held_ = progress.bytes;
  release_if_empty();
  return progress;
}

Progress Carrier::drain(int to) {
  Progress progress = pipe_ ? drain_pipe(to) : drain_buffer(to);
  if (pipe_ && cannot_splice(progress)) {
    if (!move_pipe_to_buffer()) return progress;
    progress = drain_buffer(to);
  }
  if (progress.step == Step::moved) {
    held_ -= progress.bytes;
    start_ += progress.bytes;
  }
  release_if_empty();
  return progress;
}

Progress Carrier::fill_pipe(int from) {
  return splice_once(from, pipe_->write_end.get(), kCarrierBytes);
}

Progress Carrier::fill_buffer(int from) {
  if (!buffer_) buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(kCarrierBytes);
  start_ = 0;
  return progress_of(
      uninterrupted([&] { return ::recv(from, buffer_.get(), kCarrierBytes, MSG_DONTWAIT); }));
}

Progress Carrier::drain_pipe(int to) {
  return splice_once(pipe_->read_end.get(), to, held_);
}

Progress Carrier::drain_buffer(int to) {
  return progress_of(uninterrupted(
      [&] { return ::send(to, buffer_.get() + start_, held_, MSG_DONTWAIT | MSG_NOSIGNAL); }));
}

// The source could be spliced and the destination cannot: what is in the pipe goes by hand.
bool Carrier::move_pipe_to_buffer() {
  buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(kCarrierBytes);
  std::size_t have = 0;
  while (have < held_) {
    const ssize_t n = uninterrupted(
        [&] { return ::read(pipe_->read_end.get(), buffer_.get() + have, held_ - have); });
    if (n <= 0) return false;
    have += static_cast<std::size_t>(n);
  }
  start_ = 0;
  mode_ = CarrierMode::copy;
  pool_.give_back(*std::move(pipe_));
  pipe_.reset();
  return true;
}

void Carrier::release_if_empty() {
  if (held_ != 0) return;
  if (pipe_) pool_.give_back(*std::move(pipe_));
  pipe_.reset();
  buffer_.reset();
}

}  // namespace concordat::peer::relay
