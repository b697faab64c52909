#include "deploy/parent/store/rules.hpp"

#include <algorithm>

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;
using base::Status;

// Names are of bytes between these two.
constexpr char kBelow = '\x01', kAbove = '\x7f';

Error differs(const std::optional<EntryState>& present) {
  return Error(StoreErrc::version_differs, present ? present->version : "nothing is there");
}

Error full(std::string_view what, std::uint64_t limit) {
  return Error(StoreErrc::folder_full,
               "at most " + std::to_string(limit) + " " + std::string(what));
}

// Never below nothing: somebody may have changed the figures by hand.
std::uint64_t less(std::uint64_t from, std::uint64_t what) {
  return from - std::min(from, what);
}

}  // namespace

Result<PutPlan> plan_put(const std::optional<EntryState>& present,
                         const std::optional<EntryState>& behind, const FolderUsage& usage,
                         const EntryState& wanted, const WriteCondition& condition,
                         const StoreLimits& limits) {
  if (present && present->version == wanted.version) return PutPlan{true, usage};
  const auto there = present ? std::optional(present->version) : std::nullopt;
  if (there != condition.version) return differs(present);
  if (condition.behind && (!behind || behind->version != condition.behind->version)) {
    return Error(StoreErrc::predecessor_missing, condition.behind->name);
  }
  const std::uint64_t replaced = present ? present->size : 0;
  PutPlan plan{false,
               {usage.entries + (present ? 0 : 1), less(usage.bytes, replaced) + wanted.size}};
  if (!present && plan.after.entries > limits.max_entries) {
    return full("entries", limits.max_entries);
  }
  if (wanted.size > replaced && plan.after.bytes > limits.max_folder_bytes) {
    return full("bytes", limits.max_folder_bytes);
  }
  return plan;
}

Result<BatchPlan> plan_batch(const StoreBatch& batch, const std::vector<EntryState>& wanted,
                             const std::vector<std::optional<EntryState>>& present,
                             const std::optional<EntryState>& behind, const FolderUsage& usage,
                             const StoreLimits& limits) {
  BatchPlan out{{}, usage};
  for (std::size_t i = 0; i < batch.puts.size(); ++i) {
    WriteCondition condition{batch.puts[i].expected};
    if (batch.behind) condition.behind = {batch.behind->name, batch.behind->version};
    const auto plan = plan_put(present[i], behind, out.after, wanted[i], condition, limits);
    if (!plan && batch.puts.size() == 1) return plan.error();
    if (!plan) {
      return Error(plan.error().code(), batch.puts[i].name + ": " + plan.error().detail());
    }
    if (plan->done) continue;
    out.writes.push_back(i);
    out.after = plan->after;
  }
  return out;
}

std::vector<EntryState> states_of(const StoreBatch& batch) {
  std::vector<EntryState> out;
  for (const StoreBatch::Put& put : batch.puts)
    out.push_back({version_of(put.content), put.content.size()});
  return out;
}

Result<FolderUsage> plan_remove(const std::optional<EntryState>& present, const FolderUsage& usage,
                                const std::string& version) {
  if (!present) return StoreErrc::not_found;
  if (present->version != version) return differs(present);
  return without(usage, {1, present->size});
}

FolderUsage without(const FolderUsage& usage, const FolderUsage& removed) noexcept {
  return {less(usage.entries, removed.entries), less(usage.bytes, removed.bytes)};
}

NameRange range_of(const RemovalRange& range) {
  return {range.prefix, std::min(range.before, range.prefix + kAbove)};
}

NameRange range_of(const ListQuery& query) {
  const std::string behind = query.after.empty() ? "" : query.after + kBelow;
  return {std::max(query.prefix, behind), query.prefix + kAbove};
}

}  // namespace concordat::parent
