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

// A document in hex, broken into lines.
constexpr std::size_t kMaxFileBytes = 3 * attest::kMaxDocumentBytes;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Documents start with bytes above 0x7f, so no document is mistaken for text.
bool is_text(base::BytesView content) {
  return std::ranges::all_of(base::as_text(content),
                             [](char c) { return is_space(c) || (c > 0x20 && c < 0x7f); });
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

}  // namespace

Result<Bytes> decode_document_file(base::BytesView content) {
  if (content.empty()) return Error(Errc::truncated, "the file is empty");
  if (!is_text(content)) return base::to_bytes(content);
  std::string text(base::as_text(content));
  std::erase_if(text, is_space);
  // Base64 of a document starts with 'h' or '0' followed by a letter that is no hex digit.
  auto decoded = is_hex(text) ? base::from_hex(text) : base::from_base64(text);
  if (!decoded || decoded->empty()) {
    return Error(Errc::malformed_cbor, "text that is neither hex nor base64 of a document");
  }
  return decoded;
}

Result<Bytes> read_document_file(const std::string& path) {
  auto content = base::read_file(path, kMaxFileBytes);
  if (!content && content.error().is(base::FileErrc::too_large)) {
    return Error(Errc::document_too_large, content.error().detail());
  }
  if (!content) return content;
  return decode_document_file(*content);
}

}  // namespace concordat::cli
