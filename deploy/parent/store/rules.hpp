// What every engine decides alike: whether a write may happen, what it leaves of its folder's room,
// which names a list covers, where a page ends.
#pragma once

#include "deploy/parent/store.hpp"

namespace concordat::parent {

// What is known of an entry without its content.
struct EntryState {
  std::string version;
  std::uint64_t size = 0;
};

struct FolderUsage {
  std::uint64_t entries = 0, bytes = 0;
};

struct PutPlan {
  bool done = false;  // the content is there already
  FolderUsage after;  // of the folder once it is written
};
// `behind`: what is there of the condition's predecessor. Errors: version_differs,
// predecessor_missing, folder_full.
[[nodiscard]] base::Result<PutPlan> plan_put(const std::optional<EntryState>& present,
                                             const std::optional<EntryState>& behind,
                                             const FolderUsage& usage, const EntryState& wanted,
                                             const WriteCondition& condition,
                                             const StoreLimits& limits);

struct BatchPlan {
  std::vector<std::size_t> writes;  // which of the puts; the others' contents are there already
  FolderUsage after;
};
// `present` and `wanted`: of each put. Errors: as plan_put; of several, with the entry's name.
[[nodiscard]] base::Result<BatchPlan> plan_batch(
    const StoreBatch& batch, const std::vector<EntryState>& wanted,
    const std::vector<std::optional<EntryState>>& present, const std::optional<EntryState>& behind,
    const FolderUsage& usage, const StoreLimits& limits);
[[nodiscard]] std::vector<EntryState> states_of(const StoreBatch& batch);

// What the removal leaves of the folder. Errors: not_found, version_differs.
[[nodiscard]] base::Result<FolderUsage> plan_remove(const std::optional<EntryState>& present,
                                                    const FolderUsage& usage,
                                                    const std::string& version);

// What the removal of so much leaves.
[[nodiscard]] FolderUsage without(const FolderUsage& usage, const FolderUsage& removed) noexcept;

// Names from `from` on and below `to`, as bytes.
struct NameRange {
  std::string from, to;
};
[[nodiscard]] NameRange range_of(const ListQuery& query);
[[nodiscard]] NameRange range_of(const RemovalRange& range);

// Whether a page of `entries` entries and `bytes` bytes takes one more of `next` bytes.
[[nodiscard]] constexpr bool page_takes(const ListQuery& query, std::size_t entries,
                                        std::size_t bytes, std::size_t next) noexcept {
  return entries == 0 || (entries < kMaxPageEntries && bytes + next <= query.max_bytes);
}

}  // namespace concordat::parent
