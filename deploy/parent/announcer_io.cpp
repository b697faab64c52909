#include "deploy/parent/announcer_io.hpp"

#include "attest/base/log.hpp"

namespace concordat::parent {
namespace {

using base::Result;
using base::Status;
using boost::system::error_code;

// Announced three times in its life, so that two failures go unnoticed.
constexpr int kTimesInLife = 3;

}  // namespace

Announcer::Announcer(boost::asio::io_context& io, const Config& config, Store& store,
                     base::Logger& log)
    : config_(config), store_(store), log_(log), announcing_(io), reading_(io) {}

void Announcer::start() {
  if (config_.announce) announce();
  read();
}

void Announcer::announce() {
  const AnnounceConfig& mine = *config_.announce;
  for (const std::string& name : mine.enclaves) {
    store_.announce({name, to_string(mine.address)}, mine.ttl,
                    [weak = weak_from_this(), name](const Status& done) {
                      const auto self = weak.lock();
                      if (!self) return;
                      if (done) {
                        self->refused_.erase(name);
                      } else if (self->refused_.insert(name).second) {
                        self->log_.error("not_announced", done.error(), {{"enclave", name}});
                      }
                    });
  }
  announcing_.expires_after(std::chrono::milliseconds(mine.ttl) / kTimesInLife);
  announcing_.async_wait([weak = weak_from_this()](const error_code& failure) {
    const auto self = weak.lock();
    if (!failure && self && !self->stopped_) self->announce();
  });
}

void Announcer::read() {
  store_.custodians([weak = weak_from_this()](const Result<std::vector<Announcement>>& found) {
    const auto self = weak.lock();
    if (self && found) self->take(*found);
  });
  reading_.expires_after(kDiscoveryTick);
  reading_.async_wait([weak = weak_from_this()](const error_code& failure) {
    const auto self = weak.lock();
    if (!failure && self && !self->stopped_) self->read();
  });
}

// Other parents are reached by TCP; anything else would let the store name sockets of this machine.
void Announcer::take(const std::vector<Announcement>& found) {
  known_.clear();
  for (const Announcement& one : found) {
    const auto endpoint = peer::parse_endpoint(one.address);
    const bool other = !config_.announce || one.address != to_string(config_.announce->address);
    if (other && endpoint && std::holds_alternative<peer::TcpEndpoint>(*endpoint) &&
        peer::is_enclave_name(one.name)) {
      known_.emplace(one.name, *endpoint);
    }
  }
}

std::optional<peer::Endpoint> Announcer::find(const std::string& enclave) const {
  const auto found = known_.find(enclave);
  return found == known_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> Announcer::names() const {
  std::vector<std::string> out;
  for (const auto& [name, endpoint] : known_)
    out.push_back(name);
  return out;
}

void Announcer::stop(std::function<void()> done) {
  stopped_ = true;
  announcing_.cancel();
  reading_.cancel();
  // Called when the last answer has come and nobody holds it any more.
  const std::shared_ptr<void> all(nullptr, [done = std::move(done)](void*) { done(); });
  if (!config_.announce) return;
  for (const std::string& name : config_.announce->enclaves)
    store_.withdraw(name, [all](const Status&) {});
}

}  // namespace concordat::parent
