// Attestation documents as people keep them: raw CBOR, base64 or hex, in a file or standard input.
#pragma once

#include <string>

#include "attest/base/bytes.hpp"

namespace concordat::cli {

// The document's bytes, undecoded. Fails with FileErrc::cannot_read (a matter of input and output),
// or with an attest::Errc when what was read cannot be a document (a refusal). "-" is standard
// input.
[[nodiscard]] base::Result<base::Bytes> read_document_file(const std::string& path);

// The same for bytes already read: text of hex digits, text of base64, or else raw.
[[nodiscard]] base::Result<base::Bytes> decode_document_file(base::BytesView content);

}  // namespace concordat::cli
