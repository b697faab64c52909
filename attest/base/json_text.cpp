#include "attest/base/json_text.hpp"

#include <nlohmann/json.hpp>

namespace concordat::base {

void JsonText::separate() {
  if (!is_first_ && !is_after_key_) text_ += ',';
  is_first_ = false;
  is_after_key_ = false;
}

JsonText& JsonText::put(std::string_view token) {
  separate();
  text_ += token;
  return *this;
}

JsonText& JsonText::open(char bracket) {
  put({&bracket, 1});
  is_first_ = true;
  return *this;
}

JsonText& JsonText::close(char bracket) {
  text_ += bracket;
  is_first_ = false;
  return *this;
}

JsonText& JsonText::key(std::string_view name) {
  put("\"");
  text_ += name;
  text_ += "\":";
  is_after_key_ = true;
  return *this;
}

JsonText& JsonText::value(std::string_view text) {
  using nlohmann::json;  // of a string alone: no tree
  return put(json(text).dump(-1, ' ', false, json::error_handler_t::replace));
}
JsonText& JsonText::value(std::int64_t number) {
  return put(std::to_string(number));
}
JsonText& JsonText::value(std::uint64_t number) {
  return put(std::to_string(number));
}
JsonText& JsonText::value(bool flag) {
  return put(flag ? "true" : "false");
}
JsonText& JsonText::null() {
  return put("null");
}

}  // namespace concordat::base
