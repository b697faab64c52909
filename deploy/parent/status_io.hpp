// What operators see: Prometheus text and one JSON object. Figures only; the parent knows nothing
// secret that could be in them.
#pragma once

#include "deploy/parent/services.hpp"
#include "peer/relay/relay_io.hpp"

namespace concordat::parent {

struct StatusInput {
  const Config& config;
  const Published& files;
  const Services::Counters& http;
  std::map<std::string, std::size_t> waiting;  // for news, by enclave
  const Reports& reports;
  const Store* store;  // may be null
  peer::relay::Snapshot relay;
  base::UnixMillis started;
  std::uint64_t reloads = 0, failed_reloads = 0;
};

// Prometheus text format, version 0.0.4.
[[nodiscard]] std::string render_metrics(const StatusInput& input);
[[nodiscard]] std::string render_status(const StatusInput& input);

}  // namespace concordat::parent
