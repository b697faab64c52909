#include "policy/edit_file.hpp"

#include <algorithm>

#include "policy/edit.hpp"
#include "policy/limits.hpp"
#include "policy/parse.hpp"

namespace concordat::policy {

base::Result<Json> open_file(std::string_view text) {
  CONCORDAT_CHECK(load_policy(text));
  return Json::parse(text);
}

base::Result<std::string> written(const Json& file) {
  std::string text = file.dump(2) + "\n";
  CONCORDAT_CHECK(load_policy(text));
  return text;
}

base::Result<std::string> close_file(Json file) {
  const auto serial = file["serial"].get<std::uint64_t>();
  if (serial >= limits::kInteger) return base::Error(EditErrc::serial_exhausted);
  file["serial"] = serial + 1;
  return written(file);
}

void add_once(Json& list, const std::string& text) {
  if (std::ranges::find(list, Json(text)) == list.end()) list.push_back(text);
}

}  // namespace concordat::policy
