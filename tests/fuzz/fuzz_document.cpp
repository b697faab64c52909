// The document parser over arbitrary bytes; what parses also goes through verification, under AWS's
// roots and, to come further, under the root that the input itself names.
#include <cstdlib>

#include "attest/custom_root.hpp"
#include "attest/verify.hpp"

using namespace concordat;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto document = attest::UnverifiedDocument::parse({data, size});
  if (!document) {
    if (attest::find_refusal(document.error()) == nullptr) std::abort();
    return 0;
  }
  const attest::DocumentFields& fields = document->unverified();
  (void)attest::verify_archived(*document, attest::TrustAnchors::aws(), fields.timestamp,
                                attest::DebugDocuments::allow);
  const auto anchors = attest::trust_anchors_from_root(fields.cabundle.front());
  if (!anchors) return 0;
  static attest::ChainCache cache({.paths = 4, .leaves = 4});
  const base::BytesView nonce = fields.nonce ? base::BytesView(*fields.nonce) : base::BytesView();
  (void)attest::verify_live(*document, *anchors, cache, {.now = fields.timestamp, .nonce = nonce});
  return 0;
}
