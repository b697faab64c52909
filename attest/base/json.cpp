#include "attest/base/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace concordat::base {
namespace {

using nlohmann::json;

// Watches the parser for what it lets pass: repeated keys and depth.
class StrictnessWatch {
 public:
  explicit StrictnessWatch(unsigned max_depth) : max_depth_(max_depth) {}

  // Always true: the value is kept, and the first error is asked for at the end.
  bool operator()(int depth, json::parse_event_t event, const json& parsed) {
    switch (event) {
      case json::parse_event_t::object_start:
        keys_.emplace_back();
        check_depth(depth);
        break;
      case json::parse_event_t::object_end:
        keys_.pop_back();
        break;
      case json::parse_event_t::array_start:
        check_depth(depth);
        break;
      case json::parse_event_t::key:
        if (!keys_.back().insert(parsed.get<std::string>()).second) {
          fail(Error(JsonErrc::duplicate_key, parsed.dump()));
        }
        break;
      default:
        break;
    }
    return true;
  }
  [[nodiscard]] const std::optional<Error>& first_error() const noexcept { return error_; }

 private:
  void check_depth(int depth) {
    if (depth >= static_cast<int>(max_depth_)) {
      fail(Error(JsonErrc::too_deep, "more than " + std::to_string(max_depth_) + " levels"));
    }
  }
  void fail(Error error) {
    if (!error_) error_ = std::move(error);
  }

  unsigned max_depth_;
  std::vector<std::set<std::string>> keys_;
  std::optional<Error> error_;
};

std::string line_and_column(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::size_t start = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - start + 1);
}

}  // namespace

CodeInfo describe(JsonErrc code) noexcept {
  switch (code) {
    case JsonErrc::malformed:
      return {"malformed_json", "not JSON"};
    case JsonErrc::duplicate_key:
      return {"duplicate_json_key", "the key appears twice in its object"};
    case JsonErrc::too_deep:
      return {"json_too_deep", "JSON nested too deeply"};
    case JsonErrc::unknown_key:
      return {"unknown_json_key", "unknown key"};
    case JsonErrc::missing_key:
      return {"missing_json_key", "a key is missing"};
    case JsonErrc::wrong_type:
      return {"wrong_json_type", "a value of another type is wanted"};
    case JsonErrc::bad_value:
      return {"bad_json_value", "the value is not allowed"};
  }
  return {"unknown", "unknown JSON error"};
}

std::optional<StrayByte> find_stray_byte(std::string_view text) noexcept {
  if (text.starts_with("\xef\xbb\xbf")) {
    return StrayByte{0, "starts with a byte order mark; save it without"};
  }
  const std::size_t nul = text.find('\0');
  if (nul != text.npos) return StrayByte{nul, "a NUL byte"};
  return std::nullopt;
}

Result<json> parse_strict_json(std::string_view text, unsigned max_depth) {
  if (const auto stray = find_stray_byte(text)) {
    return Error(JsonErrc::malformed,
                 line_and_column(text, stray->offset + 1) + ": " + std::string(stray->what));
  }
  StrictnessWatch watch(max_depth);
  try {
    json value = json::parse(text, std::ref(watch));
    if (watch.first_error()) return *watch.first_error();
    return value;
  } catch (const json::parse_error& e) {
    return Error(JsonErrc::malformed, line_and_column(text, e.byte));
  } catch (const json::out_of_range&) {  // 1e999
    return Error(JsonErrc::malformed, "a number is too large");
  }
}

Result<JsonObject> JsonObject::from(const json& value, std::string place) {
  if (!value.is_object()) {
    return Error(JsonErrc::wrong_type, (place.empty() ? "the file" : place) + ": want an object");
  }
  return JsonObject(value, std::move(place));
}

std::string JsonObject::place_of(std::string_view key) const {
  return place_.empty() ? std::string(key) : place_ + "." + std::string(key);
}

Error JsonObject::bad_value(std::string_view key, const std::string& why) const {
  return Error(JsonErrc::bad_value, place_of(key) + ": " + why);
}

const json* JsonObject::find(std::string_view key) {
  const auto found = value_->find(key);
  if (found == value_->end()) return nullptr;
  read_.emplace(key);
  return &*found;
}

Result<const json*> JsonObject::get(std::string_view key) {
  const json* value = find(key);
  if (value == nullptr) return Error(JsonErrc::missing_key, place_of(key));
  return value;
}

Result<std::string> JsonObject::get_text(std::string_view key) {
  CONCORDAT_TRY(const json* value, get(key));
  if (!value->is_string()) return Error(JsonErrc::wrong_type, place_of(key) + ": want a string");
  return value->get<std::string>();
}

Result<std::uint64_t> JsonObject::get_uint(std::string_view key, std::uint64_t min,
                                           std::uint64_t max) {
  CONCORDAT_TRY(const json* value, get(key));
  if (!value->is_number_unsigned()) {
    return Error(JsonErrc::wrong_type, place_of(key) + ": want a whole number");
  }
  const auto number = value->get<std::uint64_t>();
  if (number < min || number > max) {
    return bad_value(key, std::to_string(number) + " is not between " + std::to_string(min) +
                              " and " + std::to_string(max));
  }
  return number;
}

Result<bool> JsonObject::get_bool(std::string_view key) {
  CONCORDAT_TRY(const json* value, get(key));
  if (!value->is_boolean()) {
    return Error(JsonErrc::wrong_type, place_of(key) + ": want true or false");
  }
  return value->get<bool>();
}

Result<JsonObject> JsonObject::get_object(std::string_view key) {
  CONCORDAT_TRY(const json* value, get(key));
  return from(*value, place_of(key));
}

Result<std::vector<std::string>> JsonObject::get_texts(std::string_view key) {
  CONCORDAT_TRY(const json* value, get(key));
  if (!value->is_array()) return Error(JsonErrc::wrong_type, place_of(key) + ": want an array");
  std::vector<std::string> out;
  for (const json& item : *value) {
    if (!item.is_string()) {
      return Error(JsonErrc::wrong_type,
                   place_of(key) + "[" + std::to_string(out.size()) + "]: want a string");
    }
    out.push_back(item.get<std::string>());
  }
  return out;
}

Result<std::optional<std::string>> JsonObject::find_text(std::string_view key) {
  if (find(key) == nullptr) return std::optional<std::string>();
  CONCORDAT_TRY(std::string text, get_text(key));
  return std::optional(std::move(text));
}

Result<std::uint64_t> JsonObject::uint_or(std::string_view key, std::uint64_t fallback,
                                          std::uint64_t min, std::uint64_t max) {
  if (find(key) == nullptr) return fallback;
  return get_uint(key, min, max);
}

std::vector<std::string> JsonObject::keys() {
  std::vector<std::string> out;
  for (const auto& item : value_->items())
    out.push_back(item.key());
  read_.insert(out.begin(), out.end());
  return out;
}

Status JsonObject::finish() const {
  for (const auto& item : value_->items()) {
    if (!read_.contains(item.key())) return Error(JsonErrc::unknown_key, place_of(item.key()));
  }
  return {};
}

}  // namespace concordat::base
