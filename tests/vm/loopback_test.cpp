// Runs inside the guest: a kernel that has just booted has `lo` down, as an enclave's has.
#include <gtest/gtest.h>

#include "tests/enclave/loopback_exchange.hpp"

namespace concordat::enclave {
namespace {

TEST(Loopback, IsDownUntilAWorkerListensOnIt) {
  EXPECT_EQ(test::connect_on_loopback(8700), "Network is unreachable");
  EXPECT_EQ(test::exchange_on_loopback("127.0.0.1:8700"), "connected");
}

}  // namespace
}  // namespace concordat::enclave
