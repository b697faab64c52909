// JSON objects that carry secrets, read where they lie in guarded memory: no string of them is ever
// held anywhere else. One flat object of strings and whole numbers, which is all that the worker
// agent's requests and answers are.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "attest/base/json.hpp"
#include "attest/base/secret.hpp"

namespace concordat::base {

inline constexpr std::size_t kMaxSecretJsonMembers = 8;

// Each error names the member. A text with a backslash is refused before it is parsed: a parser
// undoes escapes in memory of its own, and neither base64 nor key names need any.
class SecretJsonReader {
 public:
  // RFC 8259. malformed, duplicate_key, wrong_type, bad_value. `text` outlives the reader.
  [[nodiscard]] static Result<SecretJsonReader> parse(BytesView text);

  [[nodiscard]] bool has(std::string_view name) const noexcept;
  // missing_key, wrong_type, bad_value. Bytes are RFC 4648 section 4, with padding and nothing
  // between.
  [[nodiscard]] Result<std::string> text(std::string_view name);
  [[nodiscard]] Result<std::uint64_t> number(std::string_view name, std::uint64_t max);
  [[nodiscard]] Result<Bytes> bytes(std::string_view name);
  [[nodiscard]] Result<SecretBytes> secret(std::string_view name);
  // unknown_key unless every member was asked for.
  [[nodiscard]] Status finish() const;

 private:
  class Handler;
  struct Member {
    std::string name;
    std::variant<std::string_view, std::uint64_t> value;  // a string where it stands in the text
    bool asked_for = false;
  };
  [[nodiscard]] Result<Member*> find(std::string_view name);
  [[nodiscard]] Result<std::string_view> string(std::string_view name);

  std::vector<Member> members_;
};

}  // namespace concordat::base
