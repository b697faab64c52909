// JSON that callers of an application and agents send: whatever was read can be written, and reads
// the same again.
#include <cstdlib>

#include "attest/base/json_writer.hpp"
#include "attest/base/secret_access.hpp"
#include "client/json_fields.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  base::Bytes copy(data, data + size);
  const auto fields = client::JsonFields::parse(base::SecretBytes::take(copy));
  if (!fields) return 0;
  for (const char* name : {"card", "key", "error.code", "version", "valid"}) {
    const auto text = fields->text(name);
    const auto secret = fields->secret_text(name);
    const auto bytes = fields->bytes(name);
    (void)fields->number(name);
    (void)fields->flag(name);
    if (secret && (!text || base::as_text(secret->expose(base::SecretAccess{})) != *text))
      std::abort();
    if (!text || !fields->has(name)) continue;
    base::JsonWriter writer;
    writer.text("text", *text);
    if (bytes) writer.bytes("bytes", base::BytesView(*bytes));
    const auto again = client::JsonFields::parse(std::move(writer).finish());
    if (!again || *again->text("text") != *text || (bytes && *again->bytes("bytes") != *bytes))
      std::abort();
  }
  return 0;
}
