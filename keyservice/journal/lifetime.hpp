// Completions that outlive who waits for them.
#pragma once

#include <memory>
#include <new>
#include <utility>

namespace concordat::keyservice::journal {

class Lifetime {
 public:
  // Calls `body` with the completion's arguments, unless the owner of this Lifetime is gone. Want
  // of memory ends the operation by `out_of_memory` instead of ending the program.
  template <class Body, class OutOfMemory>
  [[nodiscard]] auto guard(Body body, OutOfMemory out_of_memory) const {
    return [alive = std::weak_ptr(token_), body = std::move(body),
            out_of_memory = std::move(out_of_memory)](auto&&... results) mutable {
      if (alive.expired()) return;
      try {
        body(std::forward<decltype(results)>(results)...);
      } catch (const std::bad_alloc&) {
        if (!alive.expired()) out_of_memory();
      }
    };
  }
  [[nodiscard]] std::weak_ptr<const int> watch() const { return token_; }

 private:
  std::shared_ptr<const int> token_ = std::make_shared<int>(0);
};

}  // namespace concordat::keyservice::journal
