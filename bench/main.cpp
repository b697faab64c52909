// concordat-bench: ratios in half a minute with --quick, Google Benchmark's tables without.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "bench/timing.hpp"
#include "deploy/command_line/command_line.hpp"

namespace {

using concordat::bench::Ratio;

constexpr int kRounds = 7;
constexpr double kSliceSeconds = 0.25;

std::vector<Ratio> all_ratios() {
  std::vector<Ratio> out = concordat::bench::attestation_ratios();
  using namespace concordat::bench;
  for (const auto& more :
       {peer_ratios, policy_ratios, custody_ratios, audit_ratios, session_aggregate_ratios,
        session_forming_ratios, session_frost_ratios}) {
    for (Ratio& ratio : more())
      out.push_back(std::move(ratio));
  }
  return out;
}

int write_json(const nlohmann::ordered_json& json, const std::string& path) {
  if (path == "-") {
    std::cout << json.dump(2) << "\n";
    return 0;
  }
  std::ofstream file(path);
  file << json.dump(2) << "\n";
  if (file.good()) return 0;
  std::fprintf(stderr, "concordat-bench: cannot write %s\n", path.c_str());
  return 1;
}

int run_quick(const std::vector<std::string>& only, const std::string& json_path) {
  const auto ratios = all_ratios();
  for (const std::string& key : only) {
    if (std::ranges::none_of(ratios, [&](const Ratio& r) { return r.key == key; })) {
      std::fprintf(stderr, "concordat-bench: no ratio '%s'; see --list\n", key.c_str());
      return 1;
    }
  }
  nlohmann::ordered_json out = {{"ratios", nlohmann::ordered_json::object()}};
  for (const Ratio& ratio : ratios) {
    if (!only.empty() && std::ranges::find(only, ratio.key) == only.end()) continue;
    const double value = ratio.measure(kRounds, kSliceSeconds);
    out["ratios"][ratio.key] = value;
    std::fprintf(stderr, "%-20s %6.3f  (target: %s %.2f)  %s\n", ratio.key.c_str(), value,
                 ratio.at_least ? "at least" : "at most", ratio.target, ratio.meaning.c_str());
  }
  return json_path.empty() ? 0 : write_json(out, json_path);
}

}  // namespace

int main(int argc, char** argv) {
  const concordat::command_line::Program program(
      "Measures Concordat against the raw operations that it cannot avoid.");
  const concordat::command_line::Command app = program.command();
  app.footer(
      "Examples:\n"
      "  concordat-bench --quick                       every ratio, in about half a minute\n"
      "  concordat-bench --quick --json - --only record_16k\n"
      "  concordat-bench -- --benchmark_filter=record  Google Benchmark's own options");
  bool quick = false;
  bool list = false;
  std::string json_path;
  std::vector<std::string> only;
  app.add_flag("--quick", quick, "measure the ratios");
  app.add_flag("--list", list, "name the ratios with their targets");
  app.add_option("--json", json_path,
                 "write {\"ratios\": {..}} to this file, or - for standard output");
  app.add_option("--only", only, "measure this ratio only; may be repeated");
  app.allow_extras();
  if (const auto ended = program.parse(argc, argv, std::cout, std::cerr)) return *ended;
  if (list) {
    for (const Ratio& ratio : all_ratios()) {
      std::printf("%-20s %s %.2f  %s\n", ratio.key.c_str(),
                  ratio.at_least ? ">=" : "<=", ratio.target, ratio.meaning.c_str());
    }
    return 0;
  }
  if (quick || !only.empty() || !json_path.empty()) return run_quick(only, json_path);
  std::vector<std::string> extras = app.remaining();
  extras.insert(extras.begin(), argv[0]);
  std::vector<char*> arguments;
  for (std::string& extra : extras) {
    if (extra != "--") arguments.push_back(extra.data());
  }
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
