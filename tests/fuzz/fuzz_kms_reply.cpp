// What the other end of the KMS connection controls: the JSON reply, the error bodies, and the CMS
// inside (fed directly too, so that the fuzzer need not find base64).
#include <cstdlib>
#include <string>

#include "keyservice/cms.hpp"
#include "keyservice/kms.hpp"

namespace {

using namespace concordat;

const keyservice::RecipientKey& key() {
  static const keyservice::RecipientKey made = keyservice::RecipientKey::generate().value();
  return made;
}

const keyservice::KmsKeyArn& pinned() {
  static const auto arn = keyservice::KmsKeyArn::parse(
                              "arn:aws:kms:us-east-1:111122223333:key/"
                              "12345678-90ab-cdef-1234-567890abcdef")
                              .value();
  return arn;
}

// Nobody but the key's owner can make something that opens, and the fuzzer does not know the key.
void must_not_open(base::BytesView cms) {
  if (keyservice::open_ciphertext_for_recipient(cms, key())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string body(reinterpret_cast<const char*>(data), size);
  for (const unsigned status : {200u, 400u}) {
    const keyservice::HttpReply reply{status, {}, body};
    if (const auto cms = keyservice::parse_decrypt_reply(pinned(), reply)) must_not_open(*cms);
    static_cast<void>(keyservice::parse_generate_data_key_reply(pinned(), reply));
  }
  must_not_open({data, size});
  return 0;
}
