// What the parent serves to its enclaves over HTTP at the relay target `parent/http`:
//
//   GET /v1/config        who the parent thinks the caller is, and what it can reach
//   GET /v1/policy        the signed policy envelope      GET /v1/authority  its descriptor (CBOR)
//   GET /v1/freshness     the newest freshness statement for it
//   GET /v1/credentials   credentials for KMS, in the words of the instance metadata service, for
//                         the enclaves that the configuration gives them to
//   /v1/store             the enclave's own folder of the store (store_service.hpp): sealed blobs
//   GET /v1/custodians    those that are announced in the store, to be dialled as enclave/NAME
//   PUT /v1/report        what the enclave says of itself, for operators
//
// With ?after=VERSION (or after=none) policy and freshness are answered when there is another one
// than that, at once or later: so an enclave learns of a new policy when it comes. 304 after a
// while without news.
//
// Nothing here is trusted by an enclave: what matters is signed, sealed or measured.
#pragma once

#include <list>
#include <map>
#include <set>

#include "attest/base/clock.hpp"
#include "deploy/parent/config.hpp"
#include "deploy/parent/http.hpp"
#include "deploy/parent/published.hpp"
#include "deploy/parent/reports.hpp"
#include "deploy/parent/store.hpp"

namespace concordat::base {
class Logger;
}

namespace concordat::parent {

// How long a question for news waits, and how many of one enclave do at once.
inline constexpr std::chrono::milliseconds kNewsPatience = std::chrono::seconds(25);
inline constexpr std::size_t kMaxWaiting = 8;

// What the services need and do not do themselves.
struct ServiceParts {
  const Config* config = nullptr;
  const Published* files = nullptr;
  Store* store = nullptr;  // may be null
  Reports* reports = nullptr;
  base::Logger* log = nullptr;
  std::function<base::MonotonicMillis()> clock;
  // Names of enclaves that the relay reaches because they are announced.
  std::function<std::vector<std::string>()> discovered;
  std::function<void(std::function<void(const base::Result<Credentials>&)>)> credentials;
};

class Services {
 public:
  // Requests answered, by route ("/v1/store/{name}") and status.
  using Counters = std::map<std::pair<std::string, unsigned>, std::uint64_t>;

  explicit Services(ServiceParts parts) : parts_(std::move(parts)) {}
  // `caller` is an enclave's name out of the configuration.
  void handle(const std::string& caller, const HttpRequest& request, const Respond& respond);
  // Answers those who wait for what has changed; how many they were.
  std::size_t tell_news();
  // Ends the streams of those who wait: the parent is stopping.
  void dismiss_waiting() { waiting_.clear(); }
  // Answers those who have waited for kNewsPatience. To be called every few seconds.
  void expire();
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }
  // Questions for news that wait now, by enclave.
  [[nodiscard]] std::map<std::string, std::size_t> waiting() const;

 private:
  // Somebody who has this version and wants the next.
  struct Waiting {
    std::string caller;
    Publication what;
    std::string after;
    base::MonotonicMillis since;
    Respond respond;
  };

  void hand_out(const std::string& caller, Publication what, const HttpRequest& request,
                const Respond& respond);
  [[nodiscard]] HttpResponse describe_caller(const std::string& caller) const;
  void hand_out_credentials(const std::string& caller, const Respond& respond);
  void use_store(const std::string& caller, const HttpRequest& request, const Respond& respond);

  ServiceParts parts_;
  Counters counters_;
  std::list<Waiting> waiting_;
};

}  // namespace concordat::parent
