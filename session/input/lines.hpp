// Lines out of pieces that end anywhere. A line ends with LF or CR LF, the last one also without.
#pragma once

#include <functional>

#include "session/input/kept_bytes.hpp"

namespace concordat::session::input {

class Lines {
 public:
  // The line without its end, valid during the call.
  using Take = std::function<base::Status(base::BytesView line)>;

  // Of so many bytes at most; longer ones are too_long.
  explicit Lines(std::size_t longest);

  // An error of `take` comes back as it is, and then the object is of no more use.
  [[nodiscard]] base::Status feed(base::BytesView piece, const Take& take);
  // The last line, if anything stands after the last line end.
  [[nodiscard]] base::Status finish(const Take& take);
  // Of the line under way, from 1; within `take`, of the line that it is given.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

 private:
  [[nodiscard]] base::Status keep(base::BytesView part);
  [[nodiscard]] base::Status hand_over(base::BytesView line, const Take& take);
  [[nodiscard]] base::Error too_long() const;

  std::size_t longest_;
  std::uint64_t number_ = 1;
  KeptBytes kept_;  // the beginning of a line that earlier pieces held
};

}  // namespace concordat::session::input
