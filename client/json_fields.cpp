#include "client/json_fields.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "attest/base/secret_access.hpp"

namespace concordat::client {
namespace {

using base::SecretAccess;
using base::SecretBytes;
namespace json = boost::json;

Error malformed(std::string_view name, std::string_view why) {
  return {"malformed_json", std::string(name) + ": " + std::string(why)};
}

SecretBytes copy_of(base::BytesView bytes) {
  SecretBytes out = SecretBytes::zeroed(bytes.size());
  std::ranges::copy(bytes, out.expose_mutable(SecretAccess{}).begin());
  return out;
}

}  // namespace

// Boost.JSON's events. A string comes in parts that point into the text, or, where it has escapes,
// into a buffer of the parser's.
class JsonFields::Handler {
 public:
  static constexpr std::size_t max_object_size = kMaxJsonMembers;
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = 128;
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
  using error_code = json::error_code;
  using string_view = json::string_view;

  explicit Handler(base::BytesView text) : text_(text), part_(SecretBytes::zeroed(text.size())) {}

  JsonFields& fields() { return out_; }

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code& ec) {
    if (!put(Other{}, ec)) return false;
    ++arrays_;
    return true;
  }
  bool on_array_end(std::size_t, error_code&) {
    --arrays_;
    return true;
  }
  bool on_object_begin(error_code& ec) {
    if (arrays_ == 0 && !key_.empty() && !put(Other{}, ec)) return false;
    if (arrays_ == 0) prefixes_.push_back(key_.empty() ? "" : key_ + ".");
    began_ = true;
    return true;
  }
  bool on_object_end(std::size_t, error_code&) {
    if (arrays_ == 0) prefixes_.pop_back();
    return true;
  }
  bool on_key_part(string_view part, std::size_t, error_code&) {
    name_.append(part.data(), part.size());
    return true;
  }
  bool on_key(string_view part, std::size_t, error_code&) {
    name_.append(part.data(), part.size());
    if (arrays_ == 0) key_ = prefixes_.back() + name_;
    name_.clear();
    return true;
  }
  bool on_string_part(string_view part, std::size_t, error_code&) {
    take(part);
    return true;
  }
  bool on_string(string_view part, std::size_t, error_code& ec) {
    take(part);
    const base::BytesView whole = part_.expose(SecretAccess{}).first(part_size_);
    const bool kept = arrays_ != 0 || put(Text{copy_of(whole), escaped_}, ec);
    part_size_ = 0;
    escaped_ = false;
    return kept;
  }
  bool on_number_part(string_view, error_code&) { return true; }
  bool on_int64(std::int64_t value, string_view, error_code& ec) {
    return value < 0 ? put(Other{}, ec) : put(static_cast<std::uint64_t>(value), ec);
  }
  bool on_uint64(std::uint64_t value, string_view, error_code& ec) { return put(value, ec); }
  bool on_double(double, string_view, error_code& ec) { return put(Other{}, ec); }
  bool on_bool(bool value, error_code& ec) { return put(value, ec); }
  bool on_null(error_code& ec) { return put(Other{}, ec); }
  bool on_comment_part(string_view, error_code&) { return true; }
  bool on_comment(string_view, error_code&) { return true; }

  const std::string& place() const { return key_; }

 private:
  void take(string_view part) {
    if (part.empty()) return;
    const auto* const first = reinterpret_cast<const std::uint8_t*>(part.data());
    const auto before = std::less<>();
    if (before(first, text_.data()) || !before(first, text_.data() + text_.size())) escaped_ = true;
    std::memcpy(part_.expose_mutable(SecretAccess{}).data() + part_size_, first, part.size());
    part_size_ += part.size();
  }

  // A value outside the object, a member twice, or too many of them ends the parse.
  template <class T>
  bool put(T value, error_code& ec) {
    if (arrays_ != 0) return true;
    if (!began_ || out_.fields_.size() == kMaxJsonMembers ||
        !out_.fields_.emplace(key_, Value(std::move(value))).second) {
      ec = json::error::syntax;
      return false;
    }
    return true;
  }

  base::BytesView text_;
  JsonFields out_;
  SecretBytes part_;  // of the string that is being read: never longer than the text
  std::size_t part_size_ = 0;
  bool escaped_ = false;
  std::string name_;                   // of a member, in parts
  std::string key_;                    // the member's full name
  std::vector<std::string> prefixes_;  // of the objects that are open
  std::size_t arrays_ = 0;
  bool began_ = false;
};

Result<JsonFields> JsonFields::parse(const SecretBytes& text) {
  const base::BytesView bytes = text.expose(SecretAccess{});
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<Handler> parser(options, bytes);
  json::error_code ec;
  const std::size_t used =
      parser.write_some(false, reinterpret_cast<const char*>(bytes.data()), bytes.size(), ec);
  Handler& handler = parser.handler();
  if (ec) return malformed(handler.place(), ec.message());
  if (used != bytes.size()) return malformed("", "something follows the object");
  return std::move(handler.fields());
}

Result<const JsonFields::Text*> JsonFields::find_text(std::string_view name) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) return malformed(name, "is missing");
  const auto* const text = std::get_if<Text>(&found->second);
  if (text == nullptr) return malformed(name, "is not a string");
  return text;
}

Result<std::string> JsonFields::text(std::string_view name) const {
  const auto found = find_text(name);
  if (!found) return found.error();
  return std::string(base::as_text((*found)->bytes.expose(SecretAccess{})));
}

Result<std::uint64_t> JsonFields::number(std::string_view name) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) return malformed(name, "is missing");
  const auto* const number = std::get_if<std::uint64_t>(&found->second);
  if (number == nullptr) return malformed(name, "is not a whole number");
  return *number;
}

Result<bool> JsonFields::flag(std::string_view name) const {
  const auto found = fields_.find(name);
  if (found == fields_.end()) return malformed(name, "is missing");
  const auto* const flag = std::get_if<bool>(&found->second);
  if (flag == nullptr) return malformed(name, "is not true or false");
  return *flag;
}

Result<base::Bytes> JsonFields::bytes(std::string_view name) const {
  const auto found = find_text(name);
  if (!found) return found.error();
  const std::string_view encoded = base::as_text((*found)->bytes.expose(SecretAccess{}));
  const auto size = base::base64_size(encoded);
  base::Bytes out(size.value_or(0));
  if (!size || !base::decode_base64(encoded, out)) return malformed(name, "is not base64");
  return out;
}

Result<SecretBytes> JsonFields::secret(std::string_view name) const {
  const auto found = find_text(name);
  if (!found) return found.error();
  if ((*found)->escaped) return malformed(name, "is written with escapes");
  const std::string_view encoded = base::as_text((*found)->bytes.expose(SecretAccess{}));
  const auto size = base::base64_size(encoded);
  SecretBytes out = SecretBytes::zeroed(size.value_or(0));
  if (!size || !base::decode_base64(encoded, out.expose_mutable(SecretAccess{}))) {
    return malformed(name, "is not base64");
  }
  return out;
}

Result<SecretBytes> JsonFields::secret_text(std::string_view name) const {
  const auto found = find_text(name);
  if (!found) return found.error();
  if ((*found)->escaped) return malformed(name, "is written with escapes");
  return (*found)->bytes.clone();
}

}  // namespace concordat::client
