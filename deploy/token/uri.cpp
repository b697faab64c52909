#include "deploy/token/uri.hpp"

#include <array>
#include <boost/url/encode.hpp>
#include <boost/url/pct_string_view.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "deploy/token/errc.hpp"
#include "policy/finding.hpp"

namespace concordat::token {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::string_view kScheme = "pkcs11:";
constexpr std::string_view kKnown =
    "known are token, serial, manufacturer, model, object, id, type and, after '?', module-path";

Error bad(std::string why) {
  return Error(TokenErrc::bad_uri, std::move(why));
}

// RFC 7512 section 2.3: unreserved characters, pct-encoding, and what it lists besides.
bool is_allowed(char c) noexcept {
  constexpr std::string_view kBesides = "%:[]@!$'()*+,=&/|";
  return boost::urls::unreserved_chars(c) || kBesides.find(c) != kBesides.npos;
}

Result<std::string> decoded(std::string_view name, std::string_view value) {
  if (value.empty()) return bad(std::string(name) + " is empty");
  for (const char c : value) {
    if (!is_allowed(c))
      return bad(std::string(name) + ": " + policy::quote({&c, 1}) + " must be written as %NN");
  }
  const auto encoded = boost::urls::make_pct_string_view({value.data(), value.size()});
  if (!encoded) return bad(std::string(name) + ": '%' without two hexadecimal digits");
  return encoded->decode();
}

template <class T>
Status set_once(std::string_view name, std::optional<T>& field, T value) {
  if (field) return bad(std::string(name) + " comes twice");
  field = std::move(value);
  return {};
}

struct TextAttribute {
  std::string_view name;
  std::optional<std::string> Uri::*field;
};
constexpr std::array kTextAttributes{
    TextAttribute{"token", &Uri::token},
    TextAttribute{"serial", &Uri::serial},
    TextAttribute{"manufacturer", &Uri::manufacturer},
    TextAttribute{"model", &Uri::model},
    TextAttribute{"object", &Uri::object},
};

// What the parts of a URI turned out to be while it is read.
struct Draft {
  Uri uri;
  std::optional<std::string> type;
};

Status take_path_attribute(Draft& draft, std::string_view name, std::string_view value) {
  CONCORDAT_TRY(std::string text, decoded(name, value));
  for (const TextAttribute& attribute : kTextAttributes) {
    if (name == attribute.name) return set_once(name, draft.uri.*attribute.field, std::move(text));
  }
  if (name == "id") return set_once(name, draft.uri.id, base::to_bytes(base::as_bytes(text)));
  if (name == "type") {
    if (text != "private" && text != "public") return bad("type: want private or public");
    return set_once(name, draft.type, std::move(text));
  }
  return bad("attribute " + policy::quote(name) + ": " + std::string(kKnown));
}

Status take_query_attribute(Draft& draft, std::string_view name, std::string_view value) {
  CONCORDAT_TRY(std::string text, decoded(name, value));
  if (name == "module-path") return set_once(name, draft.uri.module_path, std::move(text));
  return bad("attribute " + policy::quote(name) + ": " + std::string(kKnown));
}

Status refuse_pin(std::string_view name) {
  if (name == "pin-value") {
    return bad(
        "pin-value: every user of this machine can see it there; change that PIN, and give "
        "the new one through --pin-fd or at the terminal");
  }
  if (name == "pin-source")
    return bad("pin-source: give the PIN through --pin-fd or at the terminal");
  return {};
}

// Calls `take(name, value)` for every attribute of one half of the URI.
template <class Take>
Status read_attributes(std::string_view text, char separator, Take&& take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    const std::string_view attribute = text.substr(0, end);
    const std::size_t equals = attribute.find('=');
    // A separator that is followed by nothing announces an attribute that is not there.
    if (equals == attribute.npos || end + 1 == text.size())
      return bad("want attributes as NAME=VALUE, with '" + std::string(1, separator) +
                 "' between them");
    const std::string_view name = attribute.substr(0, equals);
    CONCORDAT_CHECK(refuse_pin(name));
    CONCORDAT_CHECK(take(name, attribute.substr(equals + 1)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

void append(std::string& out, char separator, std::string_view name, std::string_view value) {
  if (out.size() > kScheme.size()) out += separator;
  out += name;
  out += '=';
  out += boost::urls::encode({value.data(), value.size()}, boost::urls::unreserved_chars);
}

}  // namespace

Result<Uri> Uri::parse(std::string_view text) {
  if (text.size() > kMaxUri) return bad("longer than " + std::to_string(kMaxUri) + " characters");
  if (!text.starts_with(kScheme)) return bad("does not begin with pkcs11:");
  text.remove_prefix(kScheme.size());
  const std::size_t mark = text.find('?');
  Draft draft;
  CONCORDAT_CHECK(read_attributes(text.substr(0, mark), ';', [&](auto name, auto value) {
    return take_path_attribute(draft, name, value);
  }));
  if (mark != text.npos) {
    if (mark + 1 == text.size()) return bad("nothing after '?'");
    CONCORDAT_CHECK(read_attributes(text.substr(mark + 1), '&', [&](auto name, auto value) {
      return take_query_attribute(draft, name, value);
    }));
  }
  return std::move(draft.uri);
}

std::string Uri::to_string() const {
  std::string out(kScheme);
  for (const TextAttribute& attribute : kTextAttributes) {
    if (this->*attribute.field) append(out, ';', attribute.name, *(this->*attribute.field));
  }
  if (id) append(out, ';', "id", base::as_text(*id));
  if (module_path) {
    out += '?';
    out += "module-path=";
    out += boost::urls::encode({module_path->data(), module_path->size()},
                               boost::urls::unreserved_chars);
  }
  return out;
}

}  // namespace concordat::token
