// Do enclaves start, get their sockets, end and leave nothing behind, whatever they do?
#include "tests/lab/hypervisor_fixture.hpp"

#include <sys/wait.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "deploy/lab/error.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"
#include "deploy/lab/unix_socket.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;

class HypervisorTest : public HypervisorFixture {
 protected:
  HypervisorTest() : hypervisor_(open_hypervisor()) {}

  const Enclave* start(const RunRequest& wanted) {
    const auto enclave = hypervisor_->run(wanted);
    EXPECT_TRUE(enclave) << enclave.error().to_string();
    return enclave ? *enclave : nullptr;
  }
  std::set<std::string> left_in_run_folder() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(state() / "run")) {
      names.insert(entry.path().filename().string());
    }
    return names;
  }

  std::unique_ptr<Hypervisor> hypervisor_;
};

TEST_F(HypervisorTest, NoticesAndReportsTheEnd) {
  start(request({"exit", "3"}));
  const EndedEnclave ended = wait_for_end(*hypervisor_);
  EXPECT_EQ(ended.name, "probe");
  EXPECT_EQ(ended.status, "exit status 3");
  EXPECT_FALSE(ended.terminated);
  EXPECT_TRUE(hypervisor_->enclaves().empty());
  EXPECT_EQ(hypervisor_->find_ended("probe")->status, "exit status 3");
  EXPECT_EQ(left_in_run_folder(), std::set<std::string>{});
  const auto again = hypervisor_->terminate("probe");
  EXPECT_TRUE(again.error().is(LabErrc::no_such_enclave));
}

TEST_F(HypervisorTest, TerminateEndsAndCleansUp) {
  const Enclave* enclave = start(request({"wait"}));
  const pid_t pid = enclave->pid();
  wait_for_console("ready=1");
  const auto ended = hypervisor_->terminate("probe").value();
  EXPECT_EQ(ended.status, "signal 9");
  EXPECT_TRUE(ended.terminated);
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(left_in_run_folder(), std::set<std::string>{});
  EXPECT_NE(console().find("ready=1"), std::string::npos) << "the console is kept";
}

TEST_F(HypervisorTest, DescribesLikeNitroCli) {
  RunRequest wanted = request({"wait"});
  wanted.debug = true;
  const auto json = start(wanted)->describe();
  EXPECT_EQ(json["EnclaveName"], "probe");
  EXPECT_EQ(json["State"], "RUNNING");
  EXPECT_EQ(json["Flags"], "DEBUG_MODE");
  EXPECT_EQ(json["EnclaveCID"], 16);
  const auto bytes = base::read_file(wanted.image, std::size_t{1} << 30).value();
  EXPECT_EQ(json["Measurements"]["PCR0"], read_image(bytes)->measurements.pcr0.hex())
      << "also in debug mode, as nitro-cli prints it";
}

TEST_F(HypervisorTest, RefusesNamesThatAreTakenOrUnfit) {
  RunRequest wanted = request({"wait"});
  start(wanted);
  EXPECT_TRUE(hypervisor_->run(wanted).error().is(LabErrc::already_running));
  for (const char* name : {"", "../x", "a/b", "UPPER", "-a"}) {
    wanted.name = name;
    EXPECT_TRUE(hypervisor_->run(wanted).error().is(LabErrc::bad_name)) << name;
  }
}

TEST_F(HypervisorTest, RefusesWhatIsNoImage) {
  RunRequest wanted = request({"wait"});
  Bytes bytes = base::read_file(wanted.image, std::size_t{1} << 30).value();
  bytes[bytes.size() - 100] ^= 1;
  ASSERT_TRUE(base::write_file(wanted.image, bytes));
  EXPECT_TRUE(hypervisor_->run(wanted).error().is(attest::EifErrc::bad_crc));
  wanted.image = CONCORDAT_LAB_PROBE;
  EXPECT_TRUE(hypervisor_->run(wanted).error().is(attest::EifErrc::bad_magic));
  EXPECT_EQ(left_in_run_folder(), std::set<std::string>{});
}

TEST_F(HypervisorTest, RefusesAnIdentityThatIsNone) {
  RunRequest wanted = request({"wait"});
  wanted.instance_id = "i-1234";
  EXPECT_TRUE(hypervisor_->run(wanted).error().is(LabErrc::bad_request));
  wanted.instance_id = "i-0123456789abcdef0";
  wanted.role_arn = "arn with space";
  EXPECT_TRUE(hypervisor_->run(wanted).error().is(LabErrc::bad_request));
}

TEST_F(HypervisorTest, CarriesTheEnclavesCallToItsParent) {
  const auto path = folder_.path() / "parent.sock";
  const auto parent = listen_unix(path).value();
  base::Descriptor call;
  reactor_.watch(parent.get(), POLLIN, [&](short) {
    call = accept_unix(parent.get()).value().value();
    reactor_.watch(call.get(), POLLIN, [&](short) {
      std::array<std::uint8_t, 100> buffer;
      const std::size_t n = receive_some(call.get(), buffer).value().value();
      reactor_.forget(call.get());
      Bytes expected;
      append_frame(expected, base::as_bytes("hello parent"));
      EXPECT_TRUE(base::equal(std::span(buffer).first(n), expected));
      EXPECT_TRUE(send_frame(call.get(), base::as_bytes("hello enclave")));
    });
  });
  RunRequest wanted = request({"call-parent"});
  wanted.parent_socket = path;
  start(wanted);
  EXPECT_EQ(wait_for_end(*hypervisor_).status, "exit status 0");
  EXPECT_EQ(report().at("parent"), "hello enclave");
}

TEST_F(HypervisorTest, WithoutAParentThereIsNoWayOut) {
  start(request({"call-parent"}));
  EXPECT_EQ(wait_for_end(*hypervisor_).status, "exit status 1");
  EXPECT_NE(report().at("parent").find("No such file"), std::string::npos);
}

TEST_F(HypervisorTest, CarriesACallToTheEnclave) {
  const Enclave* enclave = start(request({"answer-inbound"}));
  wait_for_console("inbound=listening");
  const auto caller = connect_unix(enclave->settings().paths.inbound, Blocking::yes).value();
  ASSERT_TRUE(send_frame(caller.get(), base::as_bytes("hello")));
  EXPECT_EQ(wait_for_end(*hypervisor_).status, "exit status 0");
  EXPECT_EQ(base::as_text(receive_frame(caller.get(), 100).value()), "hello");
}

TEST_F(HypervisorTest, AnEnclaveCannotPointItsParentElsewhere) {
  const auto elsewhere = folder_.path() / "elsewhere.sock";
  const auto listener = listen_unix(elsewhere).value();
  const Enclave* enclave = start(request({"link-inbound", elsewhere.string()}));
  wait_for_console("inbound=linked");
  const auto caller = connect_unix(enclave->settings().paths.inbound, Blocking::yes).value();
  reactor_.watch(caller.get(), POLLIN, [&](short) { reactor_.stop(); });
  ASSERT_TRUE(reactor_.run());
  reactor_.forget(caller.get());
  EXPECT_TRUE(receive_frame(caller.get(), 100).error().is(LabErrc::peer_closed));
  EXPECT_FALSE(accept_unix(listener.get()).value().has_value()) << "the link was followed";
}

TEST_F(HypervisorTest, RemovesFoldersThatTheEnclaveClosed) {
  start(request({"lock-folder"}));
  EXPECT_EQ(wait_for_end(*hypervisor_).status, "exit status 0");
  EXPECT_EQ(left_in_run_folder(), std::set<std::string>{});
}

TEST_F(HypervisorTest, BoundsTheConsole) {
  start(request({"flood"}));
  EXPECT_EQ(wait_for_end(*hypervisor_).status, "exit status 0");
  const std::string text = console();
  EXPECT_LT(text.size(), ConsoleLog::kMaxSize + 200);
  EXPECT_NE(text.find("the console log is full"), std::string::npos);
}

TEST_F(HypervisorTest, TwoEnclavesOfOneImageDiffer) {
  RunRequest wanted = request({"wait"});
  const Enclave* one = start(wanted);
  wanted.name = "other";
  const Enclave* two = start(wanted);
  EXPECT_NE(one->id(), two->id());
  EXPECT_NE(one->settings().slot, two->settings().slot);
  EXPECT_EQ(hypervisor_->enclaves().size(), 2u);
  hypervisor_->terminate_all();
  EXPECT_TRUE(hypervisor_->enclaves().empty());
}

TEST_F(HypervisorTest, ARestartKeepsTheRootAndClearsTheRest) {
  const Bytes root = hypervisor_->pki().root_der();
  hypervisor_.reset();
  std::filesystem::create_directories(state() / "run" / "stale" / "lab");
  hypervisor_ = open_hypervisor();
  EXPECT_EQ(hypervisor_->pki().root_der(), root);
  EXPECT_EQ(base::read_file(state() / "root.der", 4096).value(), root);
  EXPECT_EQ(left_in_run_folder(), std::set<std::string>{});
}

TEST_F(HypervisorTest, OneStateHasOneHypervisor) {
  const auto second = try_to_open();
  ASSERT_FALSE(second);
  EXPECT_TRUE(second.error().is(LabErrc::bad_state));
}

}  // namespace
}  // namespace concordat::lab
