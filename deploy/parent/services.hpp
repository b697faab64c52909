// What the parent serves to its enclaves over HTTP at the relay target `parent/http`:
//
//   GET /v1/config        who the parent thinks the caller is, and what it can reach
//   GET /v1/policy        the signed policy envelope      GET /v1/authority  its descriptor (CBOR)
//   GET /v1/credentials   credentials for KMS, in the words of the instance metadata service
//   GET /v1/store/NAME    a sealed blob, its version as ETag
//   PUT /v1/store/NAME    writes one: If-Match: "VERSION" replaces it, If-None-Match: * makes it
//
// Nothing here is trusted by an enclave: what matters is signed, sealed or measured.
#pragma once

#include <map>
#include <set>

#include "deploy/parent/config.hpp"
#include "deploy/parent/http.hpp"
#include "deploy/parent/store.hpp"

namespace concordat::base {
class Logger;
}

namespace concordat::parent {

inline constexpr std::size_t kMaxPublishedFile = 2 * 1024 * 1024;

// The files that the parent hands out, as they were when last read.
class PublishedFiles {
 public:
  struct File {
    base::Bytes content;
    std::string version;
  };
  // Reads what the configuration names. On an error what was there stays.
  [[nodiscard]] base::Status reload(const Config& config);
  [[nodiscard]] const std::optional<File>& policy() const noexcept { return policy_; }
  [[nodiscard]] const std::optional<File>& authority() const noexcept { return authority_; }

 private:
  std::optional<File> policy_, authority_;
};

// What the services need and do not do themselves.
struct ServiceParts {
  const Config* config = nullptr;
  const PublishedFiles* files = nullptr;
  Store* store = nullptr;  // may be null
  base::Logger* log = nullptr;
  // Runs `work`, which waits for the disk, somewhere else, and then `respond` here.
  std::function<void(std::function<HttpResponse()> work, Respond respond)> offload;
  std::function<void(std::function<void(const base::Result<Credentials>&)>)> credentials;
};

class Services {
 public:
  // Requests answered, by route ("/v1/store/{name}") and status.
  using Counters = std::map<std::pair<std::string, unsigned>, std::uint64_t>;

  explicit Services(ServiceParts parts) : parts_(std::move(parts)) {}
  // `caller` is an enclave's name out of the configuration.
  void handle(const std::string& caller, const HttpRequest& request, const Respond& respond);
  [[nodiscard]] const Counters& counters() const noexcept { return counters_; }

 private:
  [[nodiscard]] HttpResponse describe_caller(const std::string& caller) const;
  void hand_out_credentials(const Respond& respond);
  void use_store(const std::string& caller, const HttpRequest& request, const Respond& respond);

  ServiceParts parts_;
  Counters counters_;
};

}  // namespace concordat::parent
