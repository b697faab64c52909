// Policy files and what surrounds them: the same bytes as policy, envelope, measurements and public
// key. What parses must survive editing and parse again.
#include <cstdlib>

#include "policy/check.hpp"
#include "policy/dsse.hpp"
#include "policy/edit.hpp"
#include "policy/signer_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const base::BytesView bytes(data, size);
  const std::string_view text = base::as_text(bytes);
  const auto checked = policy::check_policy(text, base::UnixMillis{1767700000000});
  if (checked.model.has_value() == policy::has_error(checked.findings)) std::abort();
  if (checked.model) {
    const auto canonical = policy::canonical_policy(text);
    if (!canonical || policy::canonical_policy(*canonical).value() != *canonical) std::abort();
  }
  if (const auto envelope = policy::Envelope::parse(bytes)) {
    const auto again = policy::Envelope::parse(envelope->encode());
    if (!again || again->payload != envelope->payload) std::abort();
  }
  (void)policy::read_measurements(text);
  (void)policy::decode_public_key(text);
  return 0;
}
