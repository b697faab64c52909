// What one authority signs about its successor: the payload, behind and in front of signatures.
#include <cstdlib>

#include "policy/authority_succession.hpp"

namespace {

using namespace concordat;

const attest::AuthorityDescriptor& authority() {
  static const attest::AuthorityDescriptor descriptor = [] {
    // The base point of the curve: a valid key that nobody needs to sign with here.
    base::Bytes point(32, 0x66);
    point[0] = 0x58;
    attest::AuthorityFields fields{"lab.example", {policy::SignerKey::from(point).value()}, 1, 1};
    return attest::AuthorityDescriptor::create(std::move(fields)).value();
  }();
  return descriptor;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const base::BytesView bytes(data, size);
  if (const auto succession = policy::Succession::parse(bytes)) {
    if (!base::equal(succession->encode(), bytes)) std::abort();
    const auto& successor = succession->successor;
    if (policy::check_successor(authority(), successor)) {
      if (successor.epoch() <= authority().epoch()) std::abort();
      if (policy::redo_after_change(authority().digest(), successor.digest()).empty()) std::abort();
    }
    (void)policy::describe_change(authority(), successor);
  }
  // Nobody signed it.
  if (policy::verify_succession(bytes, authority())) std::abort();
  return 0;
}
