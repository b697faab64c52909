// What the parent serves to its operators, on an endpoint that no enclave can reach:
//
//   GET /metrics            Prometheus            GET /v1/status   one JSON object
//   PUT /v1/policy          a signed policy: kept on disk, handed to every enclave at once
//   PUT /v1/freshness       a freshness statement, likewise
//   GET /v1/policy          what is handed out    GET /v1/freshness
//   GET /v1/reports/NAME    what the enclave NAME says of itself, in its own words
//   GET /v1/custodians      those that are announced in the store
//   /v1/store/FOLDER        any folder of the store (store_service.hpp): to put the challenge of a
//                           genesis there, to read what it gave, to restore and to move
//   GET /v1/relay           with Upgrade: concordat-relay: a way to an enclave (parent_io.cpp)
//
// A push is refused (409) when it would be a step back; with ?force=true anything that has the
// right form is taken. That is all the same to the enclaves, which judge by themselves.
#pragma once

#include "deploy/parent/http.hpp"
#include "deploy/parent/published.hpp"
#include "deploy/parent/reports.hpp"
#include "deploy/parent/store.hpp"

namespace concordat::base {
class Logger;
}

namespace concordat::parent {

struct OperatorParts {
  Published* files = nullptr;
  const Reports* reports = nullptr;
  Store* store = nullptr;  // may be null
  base::Logger* log = nullptr;
  // Runs `work`, which waits for the disk, somewhere else, and then `respond` here.
  std::function<void(std::function<HttpResponse()> work, Respond respond)> offload;
  // Hands news to the enclaves that wait; how many they were.
  std::function<std::size_t()> tell_news;
  std::function<std::string()> metrics, status;
};

class OperatorService {
 public:
  explicit OperatorService(OperatorParts parts) : parts_(std::move(parts)) {}
  void handle(const HttpRequest& request, const Respond& respond);

 private:
  [[nodiscard]] HttpResponse read(const HttpRequest& request) const;
  void use_store(const HttpRequest& request, const Respond& respond);
  void push(Publication what, const HttpRequest& request, const Respond& respond);
  [[nodiscard]] HttpResponse published(Publication what, const std::string& body);

  OperatorParts parts_;
  bool writing_ = false;  // one push at a time: the next is judged against what this one leaves
};

// Where operators' programs find the relay on that endpoint (peer/PROTOCOL.md section 10).
inline constexpr const char* kOperatorRelayPath = "/v1/relay";
inline constexpr const char* kOperatorRelayProtocol = "concordat-relay";

}  // namespace concordat::parent
