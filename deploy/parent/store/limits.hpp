// Every number of the store, each with its reason. The first three an operator may change.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "keyservice/store_page.hpp"

namespace concordat::parent {

// What etcd takes in one request by default is 1.5 MiB, base64 not counted.
inline constexpr std::size_t kMaxEntryBytes = keyservice::kMaxStoreEntry;

struct StoreLimits {
  std::size_t max_bytes = kMaxEntryBytes;  // of one entry
  // Of one folder: ten thousand keys with a hundred versions each, and a bound on what one enclave
  // can take from the others.
  std::uint64_t max_entries = 1'000'000;
  std::uint64_t max_folder_bytes = 1024 * 1024 * 1024;
};

// Of one page of a list: with names it must fit the 2 MiB that an enclave takes as one reply, as
// base64 the 4 MiB that are taken from etcd.
inline constexpr std::size_t kMaxPageBytes = 1024 * 1024;
inline constexpr std::size_t kMaxPageEntries = keyservice::kMaxStorePageEntries;

// Requests of one folder that wait at once; the next is answered `busy`. With entries of the
// largest size that is 64 MiB.
inline constexpr std::size_t kMaxPendingOfFolder = 64;

// How many custodians are listed.
inline constexpr std::size_t kMaxCustodians = 1'000;

// Entries of a folder whose versions are remembered.
inline constexpr std::size_t kMaxKnownEntries = 256;
// How often a writer who lost a race for a folder of etcd tries again before it is `busy`.
inline constexpr int kMaxEtcdAttempts = 32;
// For one request to one endpoint. etcd elects a new leader within about a second and a half.
inline constexpr std::chrono::milliseconds kEtcdTimeout{3'000};

}  // namespace concordat::parent
