// Attestation documents as people keep them, in a file or standard input: raw CBOR; base64, of
// either alphabet (RFC 4648 sections 4 and 5), padded or not; hex, of either case, with or without
// 0x before it and colons between bytes. Text may hold white space and begin with a byte order
// mark.
#pragma once

#include <string>

#include "attest/base/bytes.hpp"

namespace concordat::cli {

// The document's bytes, undecoded. Fails with FileErrc::cannot_read (a matter of input and output),
// or with an attest::Errc when what was read cannot be a document (a refusal). "-" is standard
// input.
[[nodiscard]] base::Result<base::Bytes> read_document_file(const std::string& path);

// The same for bytes already read. No document is text, and no text has two readings.
[[nodiscard]] base::Result<base::Bytes> decode_document_file(base::BytesView content);

}  // namespace concordat::cli
