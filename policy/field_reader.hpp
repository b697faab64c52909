// Reads typed values out of located JSON and notes every mistake with its pointer instead of
// stopping at the first. Internal to this folder.
#pragma once

#include <functional>
#include <initializer_list>

#include "policy/limits.hpp"
#include "policy/located_json.hpp"

namespace concordat::policy::json {

inline constexpr Bounds kPolicyBounds{limits::kPolicyBytes, limits::kDepth, limits::kValues};

// A place in the tree, kept on the stack while reading and spelled out only for a finding.
class Path {
 public:
  Path() = default;  // the root
  Path(const Path& parent, std::string_view key) noexcept : parent_(&parent), key_(key) {}
  Path(const Path& parent, std::size_t index) noexcept
      : parent_(&parent), index_(index), is_index_(true) {}
  [[nodiscard]] std::string to_string() const;

 private:
  const Path* parent_ = nullptr;
  std::string_view key_;
  std::size_t index_ = 0;
  bool is_index_ = false;
};

// Collects the first findings, at most `max` of them.
class Report {
 public:
  explicit Report(std::size_t max = limits::kFindings) : max_(max) {}
  void error(PolicyErrc code, std::string pointer, std::string message);
  void error(PolicyErrc code, const Path& path, std::string message) {
    error(code, path.to_string(), std::move(message));
  }
  void warning(PolicyErrc code, std::string pointer, std::string message);
  [[nodiscard]] bool has_errors() const noexcept { return has_error(findings_); }
  // With lines and columns of `root` in `text`.
  [[nodiscard]] Findings take(std::string_view text, const Value& root) &&;

 private:
  void add(Finding finding);
  std::size_t max_;
  Findings findings_;
};

// One JSON object whose keys are all required and all known: `keys` is both lists at once, but for
// those of `optional`. Missing and unknown keys are reported by the constructor.
class Fields {
 public:
  Fields(const Value& value, const Path& path, Report& report,
         std::initializer_list<std::string_view> keys,
         std::initializer_list<std::string_view> optional = {});

  // nullptr when the key is missing (already reported).
  [[nodiscard]] const Value* get(std::string_view key) const noexcept { return value_.find(key); }
  // The same, and reported unless of that kind.
  [[nodiscard]] const Value* get(std::string_view key, Kind kind) const;
  // Empty (and reported) unless a string of 1 to `max` bytes.
  [[nodiscard]] std::string_view text(std::string_view key, std::size_t max) const;
  // `min` (and reported) unless a whole number in [min, max].
  [[nodiscard]] std::uint64_t integer(std::string_view key, std::uint64_t min,
                                      std::uint64_t max) const;
  [[nodiscard]] Path path(std::string_view key) const noexcept { return {path_, key}; }
  void error(PolicyErrc code, std::string_view key, std::string message) const {
    report_.error(code, path(key), std::move(message));
  }

 private:
  const Value& value_;
  const Path& path_;
  Report& report_;
};

[[nodiscard]] bool expect_kind(const Value& value, const Path& path, Report& report, Kind kind);
// Reported unless a string of 1 to `max` bytes; empty then.
[[nodiscard]] std::string_view read_text(const Value& value, const Path& path, Report& report,
                                         std::size_t max);
// Calls `each` for every string of an array of at most `max` distinct, non-empty strings.
void read_texts(const Value& array, const Path& path, Report& report, std::size_t max,
                std::size_t max_length,
                const std::function<void(std::string_view, const Path&)>& each);
// Calls `each` for every member of an object of at most `max` entries.
void read_members(const Value& object, const Path& path, Report& report, std::size_t max,
                  const std::function<void(const Member&, const Path&)>& each);
void read_items(const Value& array, const Path& path, Report& report, std::size_t max,
                const std::function<void(const Value&, const Path&)>& each);

}  // namespace concordat::policy::json
