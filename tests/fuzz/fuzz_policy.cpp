// Policy files and what surrounds them: the same bytes as policy, envelope, measurements, public
// key and custodian's report. What parses must survive editing and parse again, and differ
// from itself in nothing.
#include <cstdlib>

#include "policy/check.hpp"
#include "policy/describe.hpp"
#include "policy/dsse.hpp"
#include "policy/edit.hpp"
#include "policy/impact.hpp"
#include "policy/measurements.hpp"
#include "policy/policy_file.hpp"
#include "policy/signer_key.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  const base::BytesView bytes(data, size);
  const std::string_view text = base::as_text(bytes);
  constexpr base::UnixMillis kNow{1767700000000};
  const auto checked = policy::check_policy(text, kNow);
  if (checked.model.has_value() == policy::has_error(checked.findings)) std::abort();
  if (checked.model) {
    const auto canonical = policy::canonical_policy(text);
    if (!canonical || policy::canonical_policy(*canonical).value() != *canonical) std::abort();
    if (!policy::impact(*checked.model, *checked.model, kNow).lost.empty()) std::abort();
    if (!policy::diff(*checked.model, *checked.model).empty()) std::abort();
    (void)policy::to_text(policy::describe(*checked.model), kNow);
  }
  if (const auto envelope = policy::Envelope::parse(bytes)) {
    const auto again = policy::Envelope::parse(envelope->encode());
    if (!again || again->payload != envelope->payload) std::abort();
  }
  if (const auto file = policy::read_policy_file(text); file && !file->is_envelope) {
    if (!policy::parse_policy(text).model) std::abort();
  }
  (void)policy::read_measurements(text);
  (void)policy::read_released_keys(text);
  (void)policy::decode_public_key(text);
  return 0;
}
