#include "attest/base/secret_json.hpp"

#include <boost/json/basic_parser_impl.hpp>

#include "attest/base/secret_access.hpp"

namespace concordat::base {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxName = 64;

Error about(JsonErrc code, std::string_view name, std::string_view why) {
  return {code, "\"" + std::string(name) + "\" " + std::string(why)};
}

}  // namespace

// Boost.JSON's events. Without escapes, a string comes as one piece of the text itself.
class SecretJsonReader::Handler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = kMaxName;
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = json::error_code;
  using string_view = json::string_view;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_object_begin(error_code& ec) {
    if (inside_) return refuse(about(JsonErrc::wrong_type, name_, "is an object"), ec);
    return inside_ = true;
  }
  bool on_object_end(std::size_t, error_code&) { return true; }
  bool on_array_begin(error_code& ec) { return wrong("is an array", ec); }
  bool on_array_end(std::size_t, error_code&) { return true; }
  bool on_key_part(string_view, std::size_t, error_code& ec) { return wrong("is in parts", ec); }
  bool on_key(string_view name, std::size_t, error_code& ec) {
    name_.assign(name.data(), name.size());
    for (const Member& member : members)
      if (member.name == name_) return refuse(about(JsonErrc::duplicate_key, name_, "twice"), ec);
    return true;
  }
  bool on_string_part(string_view, std::size_t, error_code& ec) { return wrong("is in parts", ec); }
  bool on_string(string_view whole, std::size_t, error_code& ec) {
    return put(std::string_view(whole.data(), whole.size()), ec);
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, string_view, error_code& ec) {
    if (value < 0) return wrong("is negative", ec);
    return put(static_cast<std::uint64_t>(value), ec);
  }
  bool on_uint64(std::uint64_t value, string_view, error_code& ec) { return put(value, ec); }
  bool on_double(double, string_view, error_code& ec) { return wrong("is no whole number", ec); }
  bool on_bool(bool, error_code& ec) { return wrong("is true or false", ec); }
  bool on_null(error_code& ec) { return wrong("is null; leave it out", ec); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  std::vector<Member> members;
  std::optional<Error> refusal;

 private:
  bool refuse(Error why, error_code& ec) {
    refusal = std::move(why);
    ec = json::error::syntax;
    return false;
  }
  bool wrong(std::string_view what, error_code& ec) {
    if (!inside_) return refuse(Error(JsonErrc::wrong_type, "not an object"), ec);
    return refuse(about(JsonErrc::wrong_type, name_, what), ec);
  }
  template <class T>
  bool put(T value, error_code& ec) {
    if (!inside_) return refuse(Error(JsonErrc::wrong_type, "not an object"), ec);
    if (members.size() == kMaxSecretJsonMembers) {
      return refuse(Error(JsonErrc::bad_value,
                          "more than " + std::to_string(kMaxSecretJsonMembers) + " members"),
                    ec);
    }
    members.push_back({name_, value});
    return true;
  }

  std::string name_;
  bool inside_ = false;
};

Result<SecretJsonReader> SecretJsonReader::parse(BytesView text) {
  if (std::ranges::find(text, '\\') != text.end()) {
    return Error(JsonErrc::bad_value,
                 "a backslash: escapes are not read here, and base64 and key names need none");
  }
  json::parse_options options;
  options.max_depth = 2;
  json::basic_parser<Handler> parser(options);
  json::error_code ec;
  const std::size_t used =
      parser.write_some(false, reinterpret_cast<const char*>(text.data()), text.size(), ec);
  if (parser.handler().refusal) return *parser.handler().refusal;
  if (ec) return Error(JsonErrc::malformed, ec.message());
  if (used != text.size()) return Error(JsonErrc::malformed, "something follows the object");
  SecretJsonReader out;
  out.members_ = std::move(parser.handler().members);
  return out;
}

bool SecretJsonReader::has(std::string_view name) const noexcept {
  return std::ranges::any_of(members_, [&](const Member& member) { return member.name == name; });
}

Result<SecretJsonReader::Member*> SecretJsonReader::find(std::string_view name) {
  const auto found = std::ranges::find(members_, name, &Member::name);
  if (found == members_.end()) return about(JsonErrc::missing_key, name, "is missing");
  found->asked_for = true;
  return &*found;
}

Result<std::string_view> SecretJsonReader::string(std::string_view name) {
  CONCORDAT_TRY(const Member* member, find(name));
  const auto* text = std::get_if<std::string_view>(&member->value);
  if (text == nullptr) return about(JsonErrc::wrong_type, name, "is not a string");
  return *text;
}

Result<std::string> SecretJsonReader::text(std::string_view name) {
  CONCORDAT_TRY(const std::string_view text, string(name));
  return std::string(text);
}

Result<std::uint64_t> SecretJsonReader::number(std::string_view name, std::uint64_t max) {
  CONCORDAT_TRY(const Member* member, find(name));
  const auto* number = std::get_if<std::uint64_t>(&member->value);
  if (number == nullptr) return about(JsonErrc::wrong_type, name, "is not a number");
  if (*number > max) {
    return about(JsonErrc::bad_value, name, "is more than " + std::to_string(max));
  }
  return *number;
}

Result<Bytes> SecretJsonReader::bytes(std::string_view name) {
  CONCORDAT_TRY(const std::string_view encoded, string(name));
  const auto size = base64_size(encoded);
  Bytes out(size.value_or(0));
  if (!size || !decode_base64(encoded, out)) {
    return about(JsonErrc::bad_value, name, "is not base64 with padding");
  }
  return out;
}

Result<SecretBytes> SecretJsonReader::secret(std::string_view name) {
  CONCORDAT_TRY(const std::string_view encoded, string(name));
  const auto size = base64_size(encoded);
  SecretBytes out = SecretBytes::zeroed(size.value_or(0));
  if (!size || !decode_base64(encoded, out.expose_mutable(SecretAccess{}))) {
    return about(JsonErrc::bad_value, name, "is not base64 with padding");
  }
  return out;
}

Status SecretJsonReader::finish() const {
  for (const Member& member : members_)
    if (!member.asked_for) return about(JsonErrc::unknown_key, member.name, "is not known here");
  return {};
}

}  // namespace concordat::base
