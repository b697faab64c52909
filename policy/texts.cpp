#include "policy/texts.hpp"

#include <algorithm>

namespace concordat::policy {

bool contains(const std::vector<std::string>& texts, std::string_view text) {
  return std::ranges::find(texts, text) != texts.end();
}

std::string joined(const std::vector<std::string>& texts, std::string_view empty) {
  if (texts.empty()) return std::string(empty);
  std::string out = texts.front();
  for (std::size_t i = 1; i < texts.size(); ++i)
    out += ", " + texts[i];
  return out;
}

std::string joined(const std::vector<Operation>& operations, std::string_view empty) {
  std::vector<std::string> texts;
  for (const Operation operation : operations)
    texts.emplace_back(to_string(operation));
  return joined(texts, empty);
}

}  // namespace concordat::policy
