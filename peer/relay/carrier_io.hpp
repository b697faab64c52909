// Moves bytes from one non-blocking socket to another and holds at most kCarrierBytes on the way:
// by splice(2) through a pipe, so that they never enter this process, or through a buffer where the
// kernel cannot splice the pair. Pipes and buffers are held only while bytes are in them, so that a
// thousand idle streams cost their sockets and nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "attest/base/descriptor.hpp"

namespace concordat::peer::relay {

// What a pipe holds by default (pipe(7)), and where vsock throughput levels off; writes of 2 MiB
// and more were measured to collapse to a hundredth of it.
inline constexpr std::size_t kCarrierBytes = 64 * 1024;

// Empty pipes between two uses. One thread.
class PipePool {
 public:
  struct Pipe {
    base::Descriptor read_end;
    base::Descriptor write_end;
  };

  // nullopt: no descriptors left. Only an empty pipe may come back; any other is dropped.
  [[nodiscard]] std::optional<Pipe> take();
  void give_back(Pipe empty);

 private:
  std::vector<Pipe> spare_;
};

// How bytes are moved; `automatic` splices until the kernel says that it cannot.
enum class CarrierMode { automatic, copy };

class Carrier {
 public:
  enum class Step { moved, blocked, end, failed };
  struct Progress {
    Step step;
    std::size_t bytes = 0;  // when moved
    int error = 0;          // errno when failed
  };

  // `pool` outlives the carrier.
  explicit Carrier(PipePool& pool, CarrierMode mode = CarrierMode::automatic);
  Carrier(const Carrier&) = delete;
  Carrier& operator=(const Carrier&) = delete;
  ~Carrier() { release_if_empty(); }

  [[nodiscard]] bool empty() const noexcept { return held_ == 0; }
  [[nodiscard]] bool copies() const noexcept { return mode_ == CarrierMode::copy; }
  // One read, when empty.
  [[nodiscard]] Progress fill(int from);
  // One write, when not empty.
  [[nodiscard]] Progress drain(int to);

 private:
  [[nodiscard]] Progress fill_pipe(int from);
  [[nodiscard]] Progress fill_buffer(int from);
  [[nodiscard]] Progress drain_pipe(int to);
  [[nodiscard]] Progress drain_buffer(int to);
  [[nodiscard]] bool move_pipe_to_buffer();
  void release_if_empty();

  PipePool& pool_;
  CarrierMode mode_;
  std::optional<PipePool::Pipe> pipe_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t start_ = 0;  // of the held bytes in buffer_
  std::size_t held_ = 0;
};

}  // namespace concordat::peer::relay
