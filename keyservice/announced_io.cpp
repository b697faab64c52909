#include "keyservice/announced_io.hpp"

#include <algorithm>

#include "keyservice/limits.hpp"
#include "keyservice/parent_store.hpp"

namespace concordat::keyservice {

namespace {

constexpr unsigned kHttpOk = 200;

}  // namespace

base::Result<std::vector<std::string>> announced_names(const HttpReply& reply,
                                                       std::string_view own) {
  CONCORDAT_TRY(auto names, read_custodians(reply));
  std::erase(names, own);
  names.resize(std::min(names.size(), kMaxCustodians));
  return names;
}

Announced::Announced(boost::asio::io_context& io, peer::Endpoint relay, std::string own, Take take)
    : own_(std::move(own)),
      take_(std::move(take)),
      watch_(io, std::move(relay), list_custodians().target, [this](const base::Bytes& body) {
        const auto names = announced_names({kHttpOk, {}, std::string(base::as_text(body))}, own_);
        if (names) take_(*names);
        // Never of such use that it would be asked for again without a pause.
        return false;
      }) {}

}  // namespace concordat::keyservice
