// An enclave's way to its parent when the process has no descriptor left.
#include "keyservice/parent_client_io.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "deploy/lab/tls_identity.hpp"
#include "keyservice/error.hpp"
#include "tests/support/policy_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice {
namespace {

// While it lives, no descriptor can be opened.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{0, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(ParentClient, WithoutDescriptorsAnErrorComesBack) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP()
      << "sanitized: the check of dynamic types opens a pipe, and takes its failure for a finding";
#endif
  const test::TemporaryFolder folder;
  const peer::Endpoint relay = peer::UnixEndpoint{(folder.path() / "relay").string()};
  const auto identity =
      lab::open_tls_identity(folder.path() / "tls", {"kms.example"}, test::kNow).value();
  ParentClient parent(relay, std::chrono::seconds(5));
  KmsThroughRelay kms(relay, TlsTrust::from_pem(base::as_bytes(identity.authority_pem)).value());

  std::optional<base::Error> by_parent, by_kms;
  {
    const NoDescriptors none;
    by_parent = parent.policy().error();
    by_kms = kms.exchange("kms.example", {}, test::kNow).error();
  }
  EXPECT_TRUE(by_parent->is(Errc::parent_failed)) << by_parent->to_string();
  EXPECT_TRUE(by_kms->is(Errc::parent_failed)) << by_kms->to_string();
}

}  // namespace
}  // namespace concordat::keyservice
