// Descriptors, rosters, receipts and proofs from anywhere: what is taken is written back as it was.
#include <cstdlib>

#include "session/proof.hpp"
#include "session/receipt.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const base::BytesView input(data, size);
  if (const auto read = session::UnverifiedDescriptor::parse(base::as_text(input))) {
    // In another layout it may be too long; else it says the same.
    if (const auto text = session::encode_descriptor(read->fields())) {
      const auto again = session::UnverifiedDescriptor::parse(*text);
      if (!again || session::encode_descriptor(again->fields()).value() != *text) std::abort();
    }
  }
  if (const auto roster = session::decode_roster(input)) {
    if (!base::equal(session::encode(*roster), input)) std::abort();
  }
  if (const auto record = session::decode_forming_record(input)) {
    if (!base::equal(session::encode(*record), input)) std::abort();
  }
  base::cbor::Reader reader(input);
  const auto transcript = session::messaging::read_transcript(reader, session::limits::kMaxParties);
  if (transcript && reader.finish()) {
    base::cbor::Writer again;
    session::messaging::write_transcript(again, *transcript);
    if (!base::equal(again.view(), input)) std::abort();
  }
  // Nobody signed it.
  if (session::verify_receipt(input, {}, attest::TrustAnchors::aws())) std::abort();
  const auto watch = [](std::string_view, base::BytesView,
                        const session::Seat&) -> base::Result<std::unique_ptr<session::Protocol>> {
    std::abort();
  };
  if (session::verify_proof(input, {}, attest::TrustAnchors::aws(), watch)) std::abort();
  return 0;
}
