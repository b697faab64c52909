// A key file that an operator imports: whatever is taken is usable material of its type.
#include <cstdlib>

#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/pkcs8.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace concordat;
  for (const keyservice::KeyType type : keyservice::kKeyTypes) {
    base::Bytes copy(data, data + size);
    const auto material = keyservice::import_pkcs8(type, base::SecretBytes::take(copy));
    if (material && !keyservice::check_material(type, *material)) std::abort();
  }
  return 0;
}
