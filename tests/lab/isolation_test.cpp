// What does an enclave process see of this machine? Run by an enclave: the probe says it.
#include <cstdlib>
#include <iostream>

#include "deploy/lab/error.hpp"
#include "tests/lab/hypervisor_fixture.hpp"

namespace concordat::lab {
namespace {

bool under_ci() {
  const char* ci = std::getenv("CI");
  return ci != nullptr && std::string(ci) == "true";
}

class IsolationTest : public HypervisorFixture {
 protected:
  // Runs the probe fully confined and reads what it says; a skip, or a failure under CI, where
  // this machine does not allow that.
  void SetUp() override {
    hypervisor_ = open_hypervisor();
    const ConfinementReport& found = hypervisor_->confinement();
    const std::string isolation(isolation_of(found.confinement));
    std::cout << "isolation: " << isolation << " " << found.reason << "\n";
    if (isolation == "full") return;
    if (under_ci()) FAIL() << "isolation is partial under CI: " << found.reason;
    GTEST_SKIP() << "isolation is partial on this machine: " << found.reason;
  }

  Report run_report(const std::string& what = "report") {
    const auto enclave = hypervisor_->run(request({what}));
    EXPECT_TRUE(enclave) << enclave.error().to_string();
    EXPECT_EQ(wait_for_end(*hypervisor_).status, "exit status 0") << console();
    return report();
  }

  std::unique_ptr<Hypervisor> hypervisor_;
};

TEST_F(IsolationTest, SeesNothingOfTheMachine) {
  const Report seen = run_report();
  EXPECT_EQ(seen.at("pid"), "1");
  EXPECT_EQ(seen.at("processes"), "1") << "no other process can even be named";
  EXPECT_EQ(seen.at("interfaces"), "lo");
  EXPECT_EQ(seen.at("interfaces_up"), "lo") << "its own, which leads nowhere else";
  EXPECT_EQ(seen.at("host"), "enclave");
  EXPECT_EQ(seen.at("folder"), "/");
  EXPECT_EQ(seen.at("root"), "bin dev lab lib lib64 proc tmp");
}

TEST_F(IsolationTest, HasNoPrivilegeAndGainsNone) {
  const Report seen = run_report();
  // Root inside where it has a second user to start its application as, and may do just that:
  // CAP_SETGID and CAP_SETUID over the users of its own namespace.
  const bool root = ::geteuid() == 0;
  EXPECT_EQ(seen.at("uid"), root ? "0" : "1000");
  EXPECT_EQ(seen.at("gid"), root ? "0" : "1000");
  EXPECT_EQ(seen.at("capabilities"), root ? "6 7" : "");
  EXPECT_EQ(seen.at("no_new_privs"), "1");
  EXPECT_EQ(seen.at("can_become_another"), "0");
  EXPECT_EQ(seen.at("can_unshare"), "0");
  EXPECT_EQ(seen.at("core"), "0");
  EXPECT_EQ(seen.at("can_write_root"), "0");
  EXPECT_EQ(seen.at("can_write_tmp"), "1");
}

TEST_F(IsolationTest, InheritsNothing) {
  ::setenv("CONCORDAT_TEST_LEAK", "1", 1);
  const base::Descriptor leak(::dup(STDOUT_FILENO));  // stays open on exec
  const Report seen = run_report();
  ::unsetenv("CONCORDAT_TEST_LEAK");
  EXPECT_EQ(seen.at("environment"), "empty");
  EXPECT_EQ(seen.at("descriptors"), "0 1 2");
}

TEST_F(IsolationTest, TheApplicationsUserCannotReachTheModule) {
  if (::geteuid() != 0)
    GTEST_SKIP() << "not root: an enclave has one user; its agent hides the NSM";
  const Report seen = run_report("report-as-application");
  EXPECT_EQ(seen.at("uid"), "65534");
  EXPECT_EQ(seen.at("can_become_another"), "0");
  EXPECT_EQ(seen.count("module_id"), 0u);
  EXPECT_NE(seen.at("nsm").find("Permission denied"), std::string::npos) << seen.at("nsm");
  EXPECT_EQ(run_report().count("module_id"), 1u) << "while the enclave's root can";
}

TEST_F(IsolationTest, RunsAsAnotherUserWhereTheHypervisorIsRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root: the enclave is this user in another namespace";
  const auto enclave = hypervisor_->run(request({"wait"}));
  ASSERT_TRUE(enclave) << enclave.error().to_string();
  wait_for_console("ready=1");
  std::ifstream status("/proc/" + std::to_string((*enclave)->pid()) + "/status");
  std::string line;
  while (std::getline(status, line) && !line.starts_with("Uid:")) {
  }
  const std::string user = std::to_string(outside_user(0));
  EXPECT_EQ(line, "Uid:\t" + user + "\t" + user + "\t" + user + "\t" + user);
  EXPECT_NE(outside_user(0), outside_user(1));
}

TEST_F(IsolationTest, TheNsmIsTheEnclavesOwn) {
  const auto enclave = hypervisor_->run(request({"report"}));
  ASSERT_TRUE(enclave) << enclave.error().to_string();
  const std::string id = (*enclave)->id();
  wait_for_end(*hypervisor_);
  const Report seen = report();
  EXPECT_EQ(seen.at("module_id"), id);
  const auto bytes = base::read_file(folder_.path() / "probe.eif", std::size_t{1} << 30).value();
  EXPECT_EQ(seen.at("pcr0"), read_image(bytes)->measurements.pcr0.hex());
  EXPECT_EQ(seen.at("pcr4"), identity_pcr("i-0123456789abcdef0").hex());
}

// The lesser confinements, started by hand: what they promise they hold.
class PartialIsolationTest : public HypervisorFixture {
 protected:
  std::string launch_with(Confinement confinement, const std::vector<std::string>& arguments) {
    const auto root = folder_.path() / "root";
    EXPECT_TRUE(make_root_folder(root, outside_user(3)));
    const auto bytes = base::read_file(pack(arguments), std::size_t{1} << 30).value();
    const LabImage image = read_image(bytes).value();
    for (const auto& [path, file] : image.root) {
      std::filesystem::create_directories((root / path).parent_path());
      EXPECT_TRUE(base::write_file(root / path, file.content, 0755));
    }
    std::filesystem::permissions(folder_.path(), std::filesystem::perms(0755));
    const auto process =
        launch({.confinement = confinement, .root = root, .command = image.command, .slot = 3});
    return process ? collect(*process) : process.error().to_string();
  }
};

TEST_F(PartialIsolationTest, WithoutAnythingItStillStarts) {
  EXPECT_EQ(launch_with(Confinement::none, {"exit", "7"}), "exit status 7");
}

TEST_F(PartialIsolationTest, NamesWhatFailed) {
  LaunchRequest request;
  request.root = folder_.path() / "absent";
  request.command = {"/bin/x"};
  const auto failed = launch(request);
  ASSERT_FALSE(failed);
  EXPECT_TRUE(failed.error().is(LabErrc::launch_failed));
  EXPECT_NE(failed.error().to_string().find("absent: No such file or directory"), std::string::npos)
      << failed.error().to_string();
}

TEST_F(PartialIsolationTest, RootNeedsNoUserNamespace) {
  if (::geteuid() != 0) GTEST_SKIP() << "not root: only a user namespace or nothing is possible";
  EXPECT_EQ(launch_with(Confinement::namespaces, {"exit", "7"}), "exit status 7");
}

}  // namespace
}  // namespace concordat::lab
