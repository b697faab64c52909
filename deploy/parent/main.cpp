// `concordat-parent`: what runs on the EC2 instance beside its enclaves and is trusted with
// nothing. Carries their bytes, keeps their sealed blobs, hands out what is signed by others.
#include <sys/resource.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>

#include "deploy/command_line/command_line.hpp"
#include "deploy/parent/parent_io.hpp"
#include "deploy/parent/store_copy_io.hpp"

namespace {

namespace asio = boost::asio;
using namespace concordat;

constexpr int kDone = 0;
constexpr int kUsageOrIo = 1;

int fail(const base::Error& error) {
  std::cerr << "concordat-parent: " << error.to_string() << "\n";
  return kUsageOrIo;
}

// Each stream takes two descriptors; the usual soft limit of 1,024 would end at 500 streams.
void allow_many_descriptors() {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

void watch_signals(asio::signal_set& signals, parent::Parent& running, asio::io_context& io,
                   base::Logger& log) {
  signals.async_wait([&](const boost::system::error_code& failure, int signal) {
    if (failure) return;
    if (signal == SIGHUP) {
      running.reload();
      return watch_signals(signals, running, io, log);
    }
    log.info("stopping", {{"signal", signal}});
    running.stop([&io] { io.stop(); });
  });
}

int run(const parent::Config& config) {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the store
  allow_many_descriptors();
  base::Logger log("concordat-parent");
  asio::io_context io(1);
  // Before anything is opened: a signal that comes early still ends the program cleanly.
  asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
  auto running = parent::Parent::start(io, config, log);
  if (!running) {
    log.error("cannot_start", running.error());
    return kUsageOrIo;
  }
  watch_signals(signals, **running, io, log);
  log.info("ready");
  io.run();
  log.info("stopped");
  return kDone;
}

int check(const std::string& file, const parent::Config& config) {
  const base::Status surroundings = parent::check_surroundings(config);
  if (!surroundings) return fail(surroundings.error());
  std::cout << file << ": ok, " << config.enclaves.size() << " enclaves, " << config.egress.size()
            << " egress targets\n";
  return kDone;
}

int copy(const parent::Config& config, const std::string& other) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto from = parent::read_config(other);
  if (!from) return fail(from.error());
  base::Logger log("concordat-parent");
  const auto copied = parent::copy_store(*from, config, log);
  if (!copied) return fail(copied.error());
  std::cout << *copied << " entries are in the store\n";
  return kDone;
}

}  // namespace

int main(int argc, char** argv) {
  const command_line::Program program(
      "The parent instance's daemon: relay, store and egress for its enclaves.",
      "concordat-parent");
  const command_line::Command app = program.command();
  std::string file, store_from;
  bool only_check = false;
  app.add_option("--config", file, "Configuration file (JSON)").required();
  app.add_flag("--check", only_check, "Check the configuration and what it names, then end");
  app.add_option("--store-from", store_from,
                 "Copy into the store what the store of this other configuration holds, then end");
  app.set_version_flag("--version", CONCORDAT_VERSION);
  app.footer(
      "Examples:\n"
      "  concordat-parent --config /etc/concordat/parent.json --check\n"
      "  concordat-parent --config /etc/concordat/parent.json\n"
      "  concordat-parent --config new.json --store-from old.json    # neither parent running\n"
      "Signals: SIGHUP reads policy and authority descriptor again, SIGTERM ends.\n"
      "Exit status: 0 done, 1 usage or input/output error.\n\n"
      "An example of the configuration. In a lab without vsock, give each enclave\n"
      "\"dial\" and \"listen\" as unix:/PATH; \"egress\" values may be endpoints to dial\n"
      "instead, and \"credentials\" may hold access_key_id, secret_access_key and\n"
      "session_token. A store that several instances share is\n"
      "\"store\": {\"etcd\": {\"endpoints\": [\"tcp:10.0.0.5:2379\"], \"prefix\": \"concordat\",\n"
      "                    \"tls\": {\"authorities\": PEM, \"certificate\": PEM, \"key\": "
      "PEM}}}\n\n" +
      std::string(parent::example_config()));
  try {
    if (const auto ended = program.parse(argc, argv, std::cout, std::cerr)) return *ended;
    const auto config = parent::read_config(file);
    if (!config) return fail(config.error());
    if (only_check) return check(file, *config);
    return store_from.empty() ? run(*config) : copy(*config, store_from);
  } catch (const std::exception& error) {
    std::cerr << "concordat-parent: " << error.what() << "\n";
    return kUsageOrIo;
  }
}
