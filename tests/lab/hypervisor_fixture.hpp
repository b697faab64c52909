// A hypervisor in the test's own process, and the probe as its enclave.
#pragma once

#include <gtest/gtest.h>
#include <sys/timerfd.h>

#include <fstream>
#include <sstream>

#include "attest/base/file.hpp"
#include "deploy/lab/hypervisor.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::lab {

// "key=value" lines of a console.
using Report = std::map<std::string, std::string>;

class HypervisorFixture : public testing::Test {
 protected:
  static constexpr base::UnixMillis kNow{1'766'678'659'346};

  std::filesystem::path pack(const std::vector<std::string>& arguments) const {
    const auto path = folder_.path() / "probe.eif";
    const auto image =
        pack_image({.program = CONCORDAT_LAB_PROBE, .arguments = arguments, .files = {}});
    EXPECT_TRUE(image) << image.error().to_string();
    EXPECT_TRUE(base::write_file(path, *image));
    return path;
  }

  base::Result<std::unique_ptr<Hypervisor>> try_to_open() {
    HypervisorOptions options;
    options.state = state();
    return Hypervisor::open(reactor_, log_, options, [] { return kNow; });
  }
  std::unique_ptr<Hypervisor> open_hypervisor() {
    auto opened = try_to_open();
    EXPECT_TRUE(opened) << opened.error().to_string();
    return *std::move(opened);
  }

  RunRequest request(const std::vector<std::string>& arguments) const {
    RunRequest wanted;
    wanted.image = pack(arguments);
    wanted.name = "probe";
    return wanted;
  }

  // Turns the reactor until the next enclave has ended.
  EndedEnclave wait_for_end(Hypervisor& hypervisor) {
    EndedEnclave last;
    hypervisor.on_ended([&](const EndedEnclave& ended) {
      last = ended;
      reactor_.stop();
    });
    EXPECT_TRUE(reactor_.run());
    hypervisor.on_ended({});
    return last;
  }

  // Turns the reactor until the console holds `text`.
  void wait_for_console(const std::string& text) {
    base::Descriptor timer(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC));
    const itimerspec often{.it_interval = {0, 5'000'000}, .it_value = {0, 5'000'000}};
    ::timerfd_settime(timer.get(), 0, &often, nullptr);
    reactor_.watch(timer.get(), POLLIN, [&](short) {
      std::uint64_t ticks = 0;
      [[maybe_unused]] const ssize_t n = ::read(timer.get(), &ticks, sizeof ticks);
      if (console().find(text) != std::string::npos) reactor_.stop();
    });
    EXPECT_TRUE(reactor_.run());
    reactor_.forget(timer.get());
  }

  std::string console() const {
    std::ifstream file(state() / "console" / "probe.log");
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  Report report() const {
    Report out;
    std::istringstream lines(console());
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      if (equals != std::string::npos) out[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return out;
  }

  std::filesystem::path state() const { return folder_.path() / "state"; }

  test::TemporaryFolder folder_;
  Reactor reactor_;
  std::vector<std::string> logged_;
  base::Logger log_{"test", [this](std::string_view line) { logged_.emplace_back(line); }};
};

}  // namespace concordat::lab
