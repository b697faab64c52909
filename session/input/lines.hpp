// Lines out of pieces that end anywhere. A line ends with LF or CR LF, the last one also without.
#pragma once

#include <functional>

#include "attest/base/secret.hpp"

namespace concordat::session::input {

class Lines {
 public:
  // The line without its end, valid during the call.
  using Take = std::function<base::Status(base::BytesView line)>;

  // Of so many bytes at most; longer ones are too_long.
  explicit Lines(std::size_t longest) : longest_(longest) {}

  // An error of `take` comes back as it is, and then the object is of no more use.
  [[nodiscard]] base::Status feed(base::BytesView piece, const Take& take);
  // The last line, if anything stands after the last line end.
  [[nodiscard]] base::Status finish(const Take& take);
  // Of the line under way, from 1; within `take`, of the line that it is given.
  [[nodiscard]] std::uint64_t number() const noexcept { return number_; }

 private:
  [[nodiscard]] base::Status keep(base::BytesView part);
  [[nodiscard]] base::Status hand_over(base::BytesView line, const Take& take);

  std::size_t longest_;
  std::uint64_t number_ = 1;
  base::SecretBytes kept_;  // the beginning of a line that earlier pieces held
  std::size_t used_ = 0;
};

}  // namespace concordat::session::input
