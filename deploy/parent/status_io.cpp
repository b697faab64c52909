#include "deploy/parent/status_io.hpp"

#include <nlohmann/json.hpp>

namespace concordat::parent {
namespace {

using nlohmann::ordered_json;
using peer::Answer;
using peer::relay::CallerCounters;
using peer::relay::Ending;

using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

std::string escaped(std::string_view value) {
  std::string out;
  for (const char c : value) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

// One metric family after the other.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    out_ += "# HELP " + name_ + " " + std::string(help) + "\n";
    out_ += "# TYPE " + name_ + " " + std::string(type) + "\n";
  }
  void sample(const Labels& labels, std::uint64_t value) {
    out_ += name_;
    char separator = '{';
    for (const auto& [key, text] : labels) {
      out_ += separator + std::string(key) + "=\"" + escaped(text) + "\"";
      separator = ',';
    }
    out_ += (labels.empty() ? " " : "} ") + std::to_string(value) + "\n";
  }
  [[nodiscard]] std::string take() && { return std::move(out_); }

 private:
  std::string name_, out_;
};

template <class Visit>
void for_each_answer(const CallerCounters& counters, Visit visit) {
  for (std::size_t i = 1; i < peer::kAnswerCount; ++i) {  // 0 is ok, which refuses nothing
    visit(name_of(static_cast<Answer>(i)), counters.refused[i]);
  }
}
template <class Visit>
void for_each_ending(const CallerCounters& counters, Visit visit) {
  for (std::size_t i = 0; i < peer::relay::kEndingCount; ++i) {
    visit(name_of(static_cast<Ending>(i)), counters.ended[i]);
  }
}

std::uint64_t refused_in_all(const CallerCounters& counters) {
  std::uint64_t sum = 0;
  for_each_answer(counters, [&](std::string_view, std::uint64_t n) { sum += n; });
  return sum;
}

struct CounterFamily {
  std::string_view name, type, help;
  std::uint64_t CallerCounters::*value;
};
constexpr CounterFamily kPlainFamilies[] = {
    {"concordat_relay_connections_total", "counter", "Connections by caller.",
     &CallerCounters::accepted},
    {"concordat_relay_streams_opened_total", "counter", "Streams answered ok by caller.",
     &CallerCounters::opened},
    {"concordat_relay_streams_active", "gauge", "Streams now, from acceptance to end.",
     &CallerCounters::active},
    {"concordat_relay_streams_given_up_total", "counter",
     "Connections that the caller ended before an answer.", &CallerCounters::gave_up},
};

void expose_relay(Exposition& out, const peer::relay::Snapshot& relay) {
  for (const CounterFamily& family : kPlainFamilies) {
    out.family(family.name, family.type, family.help);
    for (const auto& [caller, c] : relay.callers)
      out.sample({{"caller", caller}}, c.*family.value);
  }
  out.family("concordat_relay_bytes_total", "counter", "Bytes carried by caller and direction.");
  for (const auto& [caller, c] : relay.callers) {
    out.sample({{"caller", caller}, {"direction", "to_target"}}, c.bytes_to_target);
    out.sample({{"caller", caller}, {"direction", "from_target"}}, c.bytes_from_target);
  }
  out.family("concordat_relay_refusals_total", "counter", "Refused streams by caller and reason.");
  for (const auto& [caller, c] : relay.callers) {
    for_each_answer(c, [&, name = std::string_view(caller)](std::string_view why, auto n) {
      out.sample({{"caller", name}, {"reason", why}}, n);
    });
  }
  out.family("concordat_relay_streams_ended_total", "counter", "Ended streams by caller and how.");
  for (const auto& [caller, c] : relay.callers) {
    for_each_ending(c, [&, name = std::string_view(caller)](std::string_view how, auto n) {
      out.sample({{"caller", name}, {"ending", how}}, n);
    });
  }
}

ordered_json caller_json(const CallerCounters& c) {
  ordered_json refused, ended;
  for_each_answer(c, [&](std::string_view why, auto n) { refused[std::string(why)] = n; });
  for_each_ending(c, [&](std::string_view how, auto n) { ended[std::string(how)] = n; });
  return {{"connections", c.accepted},
          {"opened", c.opened},
          {"active", c.active},
          {"gave_up", c.gave_up},
          {"bytes_to_target", c.bytes_to_target},
          {"bytes_from_target", c.bytes_from_target},
          {"refused", std::move(refused)},
          {"ended", std::move(ended)}};
}

ordered_json totals_json(const peer::relay::Snapshot& relay) {
  std::uint64_t opened = 0, active = 0, to = 0, from = 0, refused = 0;
  for (const auto& [name, c] : relay.callers) {
    opened += c.opened;
    active += c.active;
    to += c.bytes_to_target;
    from += c.bytes_from_target;
    refused += refused_in_all(c);
  }
  return {{"opened", opened},
          {"active", active},
          {"refused", refused},
          {"bytes_to_target", to},
          {"bytes_from_target", from}};
}

void expose_store(Exposition& out, const Store& store) {
  out.family("concordat_parent_store_requests_total", "counter",
             "Requests to the store by operation and result.");
  for (const auto& [key, count] : store.counters())
    out.sample({{"operation", name_of(key.first)}, {"result", key.second}}, count);
  out.family("concordat_parent_store_up", "gauge",
             "1 while the store serves as it should, 0 while it is full, unreachable or damaged.");
  out.sample({{"engine", store.engine()}}, store.trouble() ? 0 : 1);
}

ordered_json store_json(const Store* store) {
  if (store == nullptr) return {};
  ordered_json out = {{"engine", store->engine()}, {"trouble", nullptr}};
  if (const auto& trouble = store->trouble()) {
    out["trouble"] = {{"code", trouble->name()}, {"message", trouble->to_string()}};
  }
  return out;
}

ordered_json topology_json(const Config& config) {
  ordered_json enclaves = ordered_json::object(), egress = ordered_json::object(),
               remote = ordered_json::object();
  for (const auto& [name, enclave] : config.enclaves) {
    enclaves[name] = {{"dial", to_string(enclave.dial)}, {"role", enclave.role}};
  }
  for (const auto& [name, endpoint] : config.egress)
    egress[name] = to_string(endpoint);
  for (const auto& [name, endpoint] : config.peers.enclaves)
    remote[name] = to_string(endpoint);
  return {{"enclaves", enclaves}, {"egress", egress}, {"remote_enclaves", remote}};
}

ordered_json version_json(const std::optional<Published::File>& file) {
  return file ? ordered_json(file->version) : ordered_json();
}

ordered_json policy_json(const StatusInput& input) {
  ordered_json out = {{"envelope", version_json(input.files.policy())},
                      {"authority", version_json(input.files.authority())},
                      {"serial", nullptr},
                      {"digest", nullptr},
                      {"freshness", version_json(input.files.freshness())},
                      {"fresh_at", nullptr},
                      {"waiting", ordered_json(input.waiting)},
                      {"reloads", input.reloads},
                      {"failed_reloads", input.failed_reloads}};
  if (const auto& summary = input.files.policy_summary()) {
    out["serial"] = summary->serial;
    out["digest"] = summary->digest.hex();
  }
  if (const auto time = input.files.freshness_time()) {
    out["fresh_at"] = base::format_rfc3339(*time);
  }
  return out;
}

// Where to read each, not what it says: GET /v1/reports/NAME.
ordered_json reports_json(const Reports& reports) {
  ordered_json out = ordered_json::object();
  for (const auto& [enclave, report] : reports.all()) {
    out[enclave] = {{"at", base::format_rfc3339(report.at)}, {"bytes", report.body.size()}};
  }
  return out;
}

}  // namespace

std::string render_metrics(const StatusInput& input) {
  Exposition out;
  expose_relay(out, input.relay);
  out.family("concordat_parent_http_requests_total", "counter",
             "Requests of enclaves to the parent's own service by route and status.");
  for (const auto& [key, count] : input.http) {
    const std::string status = std::to_string(key.second);
    out.sample({{"route", key.first}, {"status", status}}, count);
  }
  if (input.store != nullptr) expose_store(out, *input.store);
  out.family("concordat_parent_reloads_total", "counter", "Re-readings of the policy by result.");
  out.sample({{"result", "ok"}}, input.reloads);
  out.sample({{"result", "failed"}}, input.failed_reloads);
  out.family("concordat_parent_start_time_seconds", "gauge", "When the program started (Unix).");
  out.sample({}, static_cast<std::uint64_t>(input.started.value / 1000));
  return std::move(out).take();
}

std::string render_status(const StatusInput& input) {
  ordered_json callers = ordered_json::object(), streams = ordered_json::array(),
               refusals = ordered_json::array();
  for (const auto& [name, counters] : input.relay.callers)
    callers[name] = caller_json(counters);
  for (const auto& s : input.relay.streams) {
    streams.push_back({{"id", s.id},
                       {"caller", s.caller},
                       {"target", s.target},
                       {"since", base::format_rfc3339(s.since)},
                       {"bytes_to_target", s.bytes_to_target},
                       {"bytes_from_target", s.bytes_from_target}});
  }
  for (const auto& r : input.relay.refusals) {
    refusals.push_back({{"at", base::format_rfc3339(r.at)},
                        {"caller", r.caller},
                        {"target", r.target},
                        {"reason", name_of(r.answer)},
                        {"detail", r.detail}});
  }
  const ordered_json status = {{"started", base::format_rfc3339(input.started)},
                               {"topology", topology_json(input.config)},
                               {"policy", policy_json(input)},
                               {"reports", reports_json(input.reports)},
                               {"store", store_json(input.store)},
                               {"totals", totals_json(input.relay)},
                               {"callers", std::move(callers)},
                               {"streams", std::move(streams)},
                               {"refusals", std::move(refusals)}};
  return status.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace concordat::parent
