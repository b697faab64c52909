// Every number of the worker agent's API, each with its reason.
#pragma once

#include <chrono>
#include <cstddef>

namespace concordat::keyservice::agent {

// One application uses a handful; each open request costs up to 70 KiB of locked memory.
inline constexpr std::size_t kMaxConnections = 256;
// Each holds two chunks of 64 KiB.
inline constexpr std::size_t kMaxStreams = 16;
// Request line and fields: a target of a long name with 4 KiB of associated data in base64url.
inline constexpr std::size_t kMaxHeader = 8 * 1024;
// The header and what comes with it.
inline constexpr std::size_t kReadBuffer = 16 * 1024;
// The largest body: a ciphertext of 32 KiB with 4 KiB of associated data, in base64.
inline constexpr std::size_t kMaxBody = 52 * 1024;
// What is still read, and thrown away, of a request that was refused, so that its sender gets to
// read why before the connection ends.
inline constexpr std::size_t kMaxDrained = 1024 * 1024;
// Nonce and user data of a document, each: what AWS's specification allows.
inline constexpr std::size_t kMaxApplicationData = 512;
// Who neither sends nor takes anything for so long is gone. A request has it once: what is moved
// earns it back at the rate below, so that a byte now and then keeps no place.
inline constexpr std::chrono::milliseconds kIdle = std::chrono::seconds(60);
inline constexpr std::size_t kLeastBytesPerSecond = 1024;
inline constexpr std::chrono::milliseconds kDrainTime = std::chrono::seconds(2);
// Longer than a policy's roll-out takes; whoever waits longer asks again.
inline constexpr std::size_t kMaxReadyWaitSeconds = 300;
inline constexpr std::size_t kDefaultReadyWaitSeconds = 30;
// Half of the connections: those who wait keep nobody from being served.
inline constexpr std::size_t kMaxReadyWaiters = kMaxConnections / 2;
// A key is at most 64 bytes; more names than an application uses within five minutes.
inline constexpr std::size_t kMaxCachedKeys = 256;
// How old what the NSM said of this enclave may be before health asks again.
inline constexpr std::chrono::milliseconds kSelfCheckAge = std::chrono::seconds(60);

}  // namespace concordat::keyservice::agent
