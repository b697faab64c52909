#include "policy/located_json.hpp"

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "attest/base/json.hpp"

namespace concordat::policy::json {
namespace {

// Walks the text for the parser and tells the handler how far it has come.
class TrackingIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackingIterator(const char* at, const char** reached) noexcept : at_(at), reached_(reached) {}
  reference operator*() const noexcept { return *at_; }
  TrackingIterator& operator++() noexcept {
    *reached_ = ++at_;
    return *this;
  }
  TrackingIterator operator++(int) noexcept {
    const TrackingIterator old = *this;
    ++*this;
    return old;
  }
  friend bool operator==(const TrackingIterator& a, const TrackingIterator& b) noexcept {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  const char** reached_;
};

class TreeBuilder {
 public:
  using Sax = nlohmann::json;

  TreeBuilder(std::string_view text, const Bounds& bounds)
      : text_(text), bounds_(bounds), reached_(text.data()) {}

  [[nodiscard]] const char** reached() noexcept { return &reached_; }
  [[nodiscard]] Parsed finish(bool accepted) && {
    if (accepted && root_) return {std::move(root_), {}};
    return {std::nullopt, std::move(why_)};
  }

  // What nlohmann::json::sax_parse calls; false stops it.
  bool null() { return add(Kind::null) != nullptr; }
  bool boolean(bool value) {
    Value* const added = add(Kind::boolean);
    if (added != nullptr) added->boolean = value;
    return added != nullptr;
  }
  bool number_integer(Sax::number_integer_t) { return add(Kind::other_number) != nullptr; }
  bool number_float(Sax::number_float_t, const std::string&) {
    return add(Kind::other_number) != nullptr;
  }
  bool number_unsigned(Sax::number_unsigned_t value) {
    Value* const added = add(Kind::integer);
    if (added != nullptr) added->integer = value;
    return added != nullptr;
  }
  bool string(std::string& value) {
    Value* const added = add(Kind::text);
    if (added != nullptr) added->text = std::move(value);
    return added != nullptr;
  }
  bool binary(Sax::binary_t&) { return false; }  // JSON text has none
  bool start_object(std::size_t) { return open(Kind::object); }
  bool start_array(std::size_t) { return open(Kind::array); }
  bool key(std::string& key) {
    open_.back()->members.push_back({std::move(key), token_start(), {}});
    token_ends();
    return true;
  }
  bool end_array() {
    open_.pop_back();
    token_ends();
    return true;
  }
  bool end_object() {
    const Value& object = *open_.back();
    open_.pop_back();
    token_ends();
    return keys_are_distinct(object);
  }
  bool parse_error(std::size_t position, const std::string&, const Sax::exception& why) {
    // The parser counts from 1 and names the byte at which it gave up.
    const std::size_t offset = std::min(position > 0 ? position - 1 : 0, text_.size());
    if (offset >= text_.size()) {
      return fail(PolicyErrc::not_json, text_.size(), "the text ends too early");
    }
    const bool is_text = std::string_view(why.what()).find("UTF-8") == std::string_view::npos;
    return fail(
        PolicyErrc::not_json, offset,
        (is_text ? "not JSON from " : "not UTF-8 from ") + quote(text_.substr(offset, 1)) + " on");
  }

 private:
  [[nodiscard]] std::size_t token_start() const noexcept {
    // Between two tokens stand only white space, ',' and ':'. Where the parser had to read one byte
    // past a number, that byte is one of these or the end of an array or object, after which no
    // token begins before another event.
    std::size_t at = token_end_;
    while (at < text_.size() && std::string_view(" \t\r\n,:").find(text_[at]) != text_.npos)
      ++at;
    return at;
  }
  void token_ends() noexcept { token_end_ = static_cast<std::size_t>(reached_ - text_.data()); }

  bool fail(PolicyErrc code, std::size_t offset, std::string message) {
    why_.code = code;
    why_.message = std::move(message);
    locate(text_, offset, why_);
    return false;
  }

  Value* add(Kind kind) {
    const std::size_t start = token_start();
    token_ends();
    if (++values_ > bounds_.values) {
      fail(PolicyErrc::too_many, start,
           "more than " + std::to_string(bounds_.values) + " values in the file");
      return nullptr;
    }
    Value* place = nullptr;
    if (open_.empty()) {
      place = &root_.emplace();
    } else if (open_.back()->kind == Kind::array) {
      place = &open_.back()->items.emplace_back();
    } else {
      place = &open_.back()->members.back().value;
    }
    place->kind = kind;
    place->offset = start;
    return place;
  }
  // A parent's vector does not grow while one of its children is open, so the pointers stay good.
  bool open(Kind kind) {
    Value* const added = add(kind);
    if (added == nullptr) return false;
    open_.push_back(added);
    if (open_.size() > bounds_.depth) {
      return fail(PolicyErrc::not_json, added->offset,
                  "nested more than " + std::to_string(bounds_.depth) + " deep");
    }
    return true;
  }
  bool keys_are_distinct(const Value& object) {
    std::vector<const Member*> sorted;
    sorted.reserve(object.members.size());
    for (const Member& member : object.members)
      sorted.push_back(&member);
    std::ranges::sort(sorted, [](const Member* a, const Member* b) {
      return std::pair(std::string_view(a->key), a->key_offset) <
             std::pair(std::string_view(b->key), b->key_offset);
    });
    const auto repeated = std::ranges::adjacent_find(
        sorted, [](const Member* a, const Member* b) { return a->key == b->key; });
    if (repeated == sorted.end()) return true;
    const Member& second = **std::next(repeated);
    return fail(PolicyErrc::duplicate_key, second.key_offset,
                quote(second.key) + " appears twice in one object");
  }

  std::string_view text_;
  Bounds bounds_;
  const char* reached_;
  std::size_t token_end_ = 0;
  std::size_t values_ = 0;
  std::vector<Value*> open_;
  std::optional<Value> root_;
  Finding why_;
};

Parsed refuse(std::string_view text, PolicyErrc code, std::size_t offset, std::string message) {
  Parsed parsed;
  parsed.why.code = code;
  parsed.why.message = std::move(message);
  locate(text, offset, parsed.why);
  return parsed;
}

// The key that one reference token names, unescaped.
std::string unescaped(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] == '~' && i + 1 < token.size()) {
      out += token[++i] == '1' ? '/' : '~';
    } else {
      out += token[i];
    }
  }
  return out;
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return "a boolean";
    case Kind::integer:
      return "a whole number";
    case Kind::other_number:
      return "a negative, fractional or too large number";
    case Kind::text:
      return "a string";
    case Kind::array:
      return "an array";
    case Kind::object:
      return "an object";
  }
  return "unknown";
}

const Value* Value::find(std::string_view key) const noexcept {
  const auto found = std::ranges::find(members, key, &Member::key);
  return found == members.end() ? nullptr : &found->value;
}

Parsed parse(std::string_view text, const Bounds& bounds) {
  if (text.size() > bounds.bytes) {
    return refuse(text, PolicyErrc::too_large, bounds.bytes,
                  "more than " + std::to_string(bounds.bytes) + " bytes");
  }
  if (const auto stray = base::find_stray_byte(text)) {
    return refuse(text, PolicyErrc::not_json, stray->offset, std::string(stray->what));
  }
  TreeBuilder builder(text, bounds);
  const bool accepted = nlohmann::json::sax_parse(
      TrackingIterator(text.data(), builder.reached()),
      TrackingIterator(text.data() + text.size(), builder.reached()), &builder);
  return std::move(builder).finish(accepted);
}

void locate(std::string_view text, std::size_t offset, Finding& finding) noexcept {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const std::size_t line_start = before.rfind('\n') + 1;  // npos + 1 is 0
  finding.line = static_cast<std::size_t>(std::ranges::count(before, '\n')) + 1;
  // Continuation bytes of UTF-8 begin no character.
  finding.column = static_cast<std::size_t>(std::ranges::count_if(
                       before.substr(line_start), [](char c) { return (c & 0xc0) != 0x80; })) +
                   1;
}

void locate(std::string_view text, const Value& root, Finding& finding) {
  const Value* at = &root;
  std::size_t offset = root.offset;
  std::string_view rest = finding.pointer;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('/', 1), rest.size());
    const std::string token = unescaped(rest.substr(1, end - 1));
    rest.remove_prefix(end);
    if (at->kind == Kind::object) {
      const auto member = std::ranges::find(at->members, token, &Member::key);
      if (member == at->members.end()) break;
      // The last step names an entry: its key is where to look, not its (maybe long) value.
      offset = rest.empty() ? member->key_offset : member->value.offset;
      at = &member->value;
    } else {
      if (at->kind != Kind::array || token.empty() ||
          token.find_first_not_of("0123456789") != token.npos || token.size() > 9) {
        break;
      }
      const std::size_t index = std::stoul(token);
      if (index >= at->items.size()) break;
      at = &at->items[index];
      offset = at->offset;
    }
  }
  locate(text, offset, finding);
}

}  // namespace concordat::policy::json
