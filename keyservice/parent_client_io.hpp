// An enclave's way to its parent's HTTP service and, through the parent's egress, to KMS. Blocking,
// for the boot; every call dials the relay anew. Nothing that comes back is trusted here.
#pragma once

#include "keyservice/boot.hpp"
#include "keyservice/https.hpp"
#include "keyservice/parent_store.hpp"
#include "peer/endpoint.hpp"

namespace concordat::keyservice {

// What the parent's configuration says of the calling enclave. A suggestion: peers judge the role,
// and a wrong custodian name leads nowhere.
struct ParentConfig {
  std::string role;
  std::map<std::string, std::string> settings;
  std::string enclave{};  // its name among those of all parents; empty: not told

  [[nodiscard]] std::string setting(const std::string& name, const char* otherwise) const {
    const auto found = settings.find(name);
    return found == settings.end() ? otherwise : found->second;
  }
};

class ParentClient final : public ParentService {
 public:
  ParentClient(peer::Endpoint relay, std::chrono::milliseconds timeout)
      : relay_(std::move(relay)), timeout_(timeout) {}

  [[nodiscard]] base::Result<ParentConfig> config();
  [[nodiscard]] base::Result<base::Bytes> authority() override;
  [[nodiscard]] base::Result<base::Bytes> policy() override;
  [[nodiscard]] base::Result<std::optional<base::Bytes>> freshness() override;
  [[nodiscard]] base::Result<AwsCredentials> credentials() override;
  [[nodiscard]] base::Result<std::optional<base::Bytes>> load(const std::string& name) override;
  [[nodiscard]] base::Status store_new(const std::string& name, base::BytesView content) override;

  // The rest of the parent's store, as keyservice/parent_store.hpp says; that is where their errors
  // are, besides those of the way there (parent_failed, timed_out).
  [[nodiscard]] base::Status store(const std::string& name, base::BytesView content,
                                   const std::optional<std::string>& expected);
  [[nodiscard]] base::Status remove(const std::string& name, const std::string& version);
  [[nodiscard]] base::Result<StorePage> list(const std::string& prefix, const std::string& after);
  // announced_io.hpp.
  [[nodiscard]] base::Result<std::vector<std::string>> announced(std::string_view own);

 private:
  [[nodiscard]] base::Result<HttpReply> call(const HttpRequest& request);
  [[nodiscard]] base::Result<base::Bytes> get(const std::string& path);
  // nullopt: the parent has nothing there.
  [[nodiscard]] base::Result<std::optional<base::Bytes>> find(const std::string& path);

  peer::Endpoint relay_;
  std::chrono::milliseconds timeout_;
};

class KmsThroughRelay final : public KmsService {
 public:
  // `trust`: certificate authorities of the measured image.
  KmsThroughRelay(peer::Endpoint relay, TlsTrust trust)
      : relay_(std::move(relay)), trust_(std::move(trust)) {}

  [[nodiscard]] base::Result<HttpReply> exchange(const std::string& host,
                                                 const HttpRequest& request,
                                                 base::UnixMillis now) override;

 private:
  [[nodiscard]] base::Result<HttpReply> exchange_once(const std::string& host,
                                                      const HttpRequest& request,
                                                      base::UnixMillis now);
  // A blocking stream to port 443 of `host`.
  [[nodiscard]] base::Result<base::Descriptor> dial_egress(const std::string& host) const;

  peer::Endpoint relay_;
  TlsTrust trust_;
};

}  // namespace concordat::keyservice
