#include "keyservice/parent_watch_io.hpp"

#include "attest/base/hash.hpp"

namespace concordat::keyservice {
namespace {

// The parent answers an idle question after 25 s; what takes longer than this is lost.
constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(45);

// Whoever answered no sooner than this has waited, as asked; whatever it says may be followed by
// the next question. A parent that floods gets one question a second at most.
constexpr std::chrono::milliseconds kHonestWait = std::chrono::seconds(1);

constexpr unsigned kOk = 200;
constexpr unsigned kNotModified = 304;

}  // namespace

ParentWatch::ParentWatch(boost::asio::io_context& io, peer::Endpoint relay, std::string path,
                         Take take)
    : io_(io),
      relay_(std::move(relay)),
      path_(std::move(path)),
      take_(std::move(take)),
      later_(io) {}

ParentWatch::~ParentWatch() {
  *alive_ = false;
  question_.cancel();
}

void ParentWatch::start(base::BytesView have) {
  if (!have.empty()) after_ = base::sha256({have}).hex();
  stopped_ = false;
  ask();
}

void ParentWatch::stop() {
  stopped_ = true;
  later_.cancel();
  question_.cancel();  // which the parent need not answer for long
}

void ParentWatch::ask() {
  asked_at_ = base::system_monotonic_clock();
  try {
    question_ =
        async_parent_call(io_, relay_, {"GET", path_ + "?after=" + after_, {}, {}}, kPatience,
                          [this](const base::Result<HttpReply>& reply) { on_reply(reply); });
  } catch (const std::bad_alloc&) {
    ask_later();
  }
}

void ParentWatch::on_reply(const base::Result<HttpReply>& reply) {
  if (!reply || (reply->status != kOk && reply->status != kNotModified)) return ask_later();
  const bool waited = base::system_monotonic_clock() - asked_at_ >= kHonestWait;
  bool of_use = false;
  try {
    of_use = reply->status == kOk && is_of_use(reply->body);
  } catch (const std::bad_alloc&) {  // it is asked for again
    return ask_later();
  }
  if (stopped_) return;
  if (!of_use && !waited) return ask_later();
  backoff_.reset();
  ask();
}

bool ParentWatch::is_of_use(const std::string& content) {
  const base::BytesView body = base::as_bytes(content);
  std::string version = base::sha256({body}).hex();
  // The same again is no news, whatever the parent makes of it.
  if (version == after_) return false;
  const bool taken = take_(base::to_bytes(body));
  after_ = std::move(version);
  return taken;
}

void ParentWatch::ask_later() {
  later_.expires_after(backoff_.next(random_));
  later_.async_wait(peer::with(memory_, [this, alive = alive_](boost::system::error_code error) {
    if (!error && *alive && !stopped_) ask();
  }));
}

}  // namespace concordat::keyservice
