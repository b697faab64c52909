// JSON as text, one member after the other and without a tree: what is written while others are
// served. The destructor of nlohmann-json's trees allocates, and ends the program where there is no
// memory for that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace concordat::base {

class JsonText {
 public:
  JsonText& begin_object() { return open('{'); }
  JsonText& end_object() { return close('}'); }
  JsonText& begin_array() { return open('['); }
  JsonText& end_array() { return close(']'); }
  // Of the value that comes next; plain ASCII without quotes.
  JsonText& key(std::string_view name);
  // Any bytes: what is not UTF-8 is replaced, never refused.
  JsonText& value(std::string_view text);
  JsonText& value(const char* text) { return value(std::string_view(text)); }
  JsonText& value(std::int64_t number);
  JsonText& value(std::uint64_t number);
  JsonText& value(bool flag);
  JsonText& null();
  template <class Value>
  JsonText& member(std::string_view name, Value value_of) {
    return key(name).value(value_of);
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }

 private:
  JsonText& open(char bracket);
  JsonText& close(char bracket);
  JsonText& put(std::string_view token);
  void separate();

  std::string text_;
  bool is_first_ = true;  // of what stands in this bracket
  bool is_after_key_ = false;
};

}  // namespace concordat::base
