// The custodians that the parent finds announced in its store, asked for again and again. A hint
// and nothing else: names to dial, and whoever answers must show that it is a custodian.
#pragma once

#include "keyservice/parent_watch_io.hpp"

namespace concordat::keyservice {

// Names out of a reply to list_custodians, at most kMaxCustodians, without `own`.
// As read_custodians.
[[nodiscard]] base::Result<std::vector<std::string>> announced_names(const HttpReply& reply,
                                                                     std::string_view own);

class Announced {
 public:
  using Take = std::function<void(const std::vector<std::string>& names)>;

  // `own`: the enclave's own name, which is not told. `take` is told when the list is another one.
  // The parent is asked at most every few seconds, however often it has another.
  Announced(boost::asio::io_context& io, peer::Endpoint relay, std::string own, Take take);

  void start() { watch_.start({}); }
  void stop() { watch_.stop(); }

 private:
  std::string own_;
  Take take_;
  ParentWatch watch_;
};

}  // namespace concordat::keyservice
