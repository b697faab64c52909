#include "policy/field_reader.hpp"

#include <algorithm>
#include <set>

#include "policy/limits.hpp"

namespace concordat::policy::json {

std::string Path::to_string() const {
  if (parent_ == nullptr) return {};
  return parent_->to_string() + (is_index_ ? "/" + std::to_string(index_) : pointer_token(key_));
}

void Report::add(Finding finding) {
  if (findings_.size() < max_) findings_.push_back(std::move(finding));
}

void Report::error(PolicyErrc code, std::string pointer, std::string message) {
  add({Severity::error, code, std::move(pointer), 0, 0, std::move(message)});
}

void Report::warning(PolicyErrc code, std::string pointer, std::string message) {
  add({Severity::warning, code, std::move(pointer), 0, 0, std::move(message)});
}

Findings Report::take(std::string_view text, const Value& root) && {
  for (Finding& finding : findings_)
    locate(text, root, finding);
  std::ranges::stable_sort(findings_, {},
                           [](const Finding& f) { return std::pair(f.line, f.column); });
  return std::move(findings_);
}

Fields::Fields(const Value& value, const Path& path, Report& report,
               std::initializer_list<std::string_view> keys,
               std::initializer_list<std::string_view> optional)
    : value_(value), path_(path), report_(report) {
  if (!expect_kind(value, path, report, Kind::object)) return;
  for (const std::string_view key : keys) {
    if (value.find(key) == nullptr) {
      report.error(PolicyErrc::missing_key, path, "the key " + quote(key) + " is missing");
    }
  }
  for (const Member& member : value.members) {
    if (std::ranges::find(keys, member.key) == keys.end() &&
        std::ranges::find(optional, member.key) == optional.end()) {
      report.error(PolicyErrc::unknown_key, Path(path, member.key), "unknown key");
    }
  }
}

const Value* Fields::get(std::string_view key, Kind kind) const {
  const Value* const value = get(key);
  return value != nullptr && expect_kind(*value, path(key), report_, kind) ? value : nullptr;
}

std::string_view Fields::text(std::string_view key, std::size_t max) const {
  const Value* const value = get(key);
  return value == nullptr ? std::string_view() : read_text(*value, path(key), report_, max);
}

std::uint64_t Fields::integer(std::string_view key, std::uint64_t min, std::uint64_t max) const {
  const Value* const value = get(key, Kind::integer);
  if (value == nullptr) return min;
  if (value->integer >= min && value->integer <= max) return value->integer;
  error(PolicyErrc::bad_value, key,
        std::to_string(value->integer) + " is not between " + std::to_string(min) + " and " +
            std::to_string(max));
  return min;
}

bool expect_kind(const Value& value, const Path& path, Report& report, Kind kind) {
  if (value.kind == kind) return true;
  report.error(
      PolicyErrc::wrong_type, path,
      "want " + std::string(to_string(kind)) + ", found " + std::string(to_string(value.kind)));
  return false;
}

std::string_view read_text(const Value& value, const Path& path, Report& report, std::size_t max) {
  if (!expect_kind(value, path, report, Kind::text)) return {};
  if (value.text.empty()) {
    report.error(PolicyErrc::bad_value, path, "an empty string");
    return {};
  }
  if (value.text.size() > max) {
    report.error(PolicyErrc::bad_value, path, "longer than " + std::to_string(max) + " bytes");
    return {};
  }
  return value.text;
}

void read_texts(const Value& array, const Path& path, Report& report, std::size_t max,
                std::size_t max_length,
                const std::function<void(std::string_view, const Path&)>& each) {
  std::set<std::string_view> seen;
  read_items(array, path, report, max, [&](const Value& item, const Path& item_path) {
    const std::string_view text = read_text(item, item_path, report, max_length);
    if (text.empty()) return;
    if (!seen.insert(text).second) {
      report.error(PolicyErrc::bad_value, item_path, quote(text) + " is listed twice");
    }
    each(text, item_path);
  });
}

void read_members(const Value& object, const Path& path, Report& report, std::size_t max,
                  const std::function<void(const Member&, const Path&)>& each) {
  if (!expect_kind(object, path, report, Kind::object)) return;
  if (object.members.size() > max) {
    return report.error(PolicyErrc::too_many, path, "more than " + std::to_string(max));
  }
  for (const Member& member : object.members)
    each(member, Path(path, member.key));
}

void read_items(const Value& array, const Path& path, Report& report, std::size_t max,
                const std::function<void(const Value&, const Path&)>& each) {
  if (!expect_kind(array, path, report, Kind::array)) return;
  if (array.items.size() > max) {
    return report.error(PolicyErrc::too_many, path, "more than " + std::to_string(max));
  }
  for (std::size_t i = 0; i < array.items.size(); ++i)
    each(array.items[i], Path(path, i));
}

}  // namespace concordat::policy::json
