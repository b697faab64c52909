#include "deploy/cli/document_file.hpp"

#include <algorithm>

#include "attest/base/file.hpp"
#include "attest/document.hpp"

namespace concordat::cli {
namespace {

using attest::Errc;
using base::Bytes;
using base::Error;
using base::Result;

// A document in hex with colons, broken into lines.
constexpr std::size_t kMaxFileBytes = 4 * attest::kMaxDocumentBytes;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// The file without white space, where it is text. Documents start with bytes above 0x7f, and none
// with a byte order mark's, so that no document is mistaken for text.
std::optional<std::string> as_written(base::BytesView content) {
  std::string_view text = base::as_text(content);
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::string out;
  for (const char c : text) {
    if (is_space(c)) continue;
    if (c <= 0x20 || c >= 0x7f) return std::nullopt;
    out += c;
  }
  return out;
}

// The digits of "8444", "0x8444" or "84:44"; empty for what is none of these.
std::string hex_digits(std::string text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.erase(0, 2);
  if (text.find(':') != text.npos) {
    std::string digits;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if ((i % 3 == 2) != (text[i] == ':')) return {};
      if (text[i] != ':') digits += text[i];
    }
    if (text.ends_with(':')) return {};
    text = std::move(digits);
  }
  return text.find_first_not_of("0123456789abcdefABCDEF") == text.npos ? text : std::string();
}

// In the standard alphabet, padded; `text` may be URL-safe (RFC 4648 section 5) and unpadded.
std::string standard_base64(std::string text) {
  const bool url_safe = text.find_first_of("-_") != text.npos;
  if (url_safe && text.find_first_of("+/") != text.npos) return {};
  std::ranges::replace(text, '-', '+');
  std::ranges::replace(text, '_', '/');
  if (!text.ends_with('=')) text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

}  // namespace

Result<Bytes> decode_document_file(base::BytesView content) {
  if (content.empty()) return Error(Errc::truncated, "the file is empty");
  const auto text = as_written(content);
  if (!text) return base::to_bytes(content);
  // Base64 of a document starts with "hE" or "0o": never hex, never 0x.
  const std::string hex = hex_digits(*text);
  auto decoded = hex.empty() ? base::from_base64(standard_base64(*text)) : base::from_hex(hex);
  if (!decoded || decoded->empty()) {
    return Error(Errc::malformed_cbor, "text that is neither hex nor base64 of a document");
  }
  return decoded;
}

Result<Bytes> read_document_file(const std::string& path) {
  auto content = base::read_file(path, kMaxFileBytes);
  if (!content && content.error().is(base::FileErrc::too_large)) {
    return Error(Errc::document_too_large,
                 "its file has more than " + std::to_string(kMaxFileBytes) + " bytes");
  }
  if (!content) return content;
  return decode_document_file(*content);
}

}  // namespace concordat::cli
