#include "attest/chain_crypto.hpp"

#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>

#include <string_view>
#include <vector>

#include "attest/base/openssl.hpp"

namespace concordat::attest {
namespace {

using Algorithms = std::vector<OSSL_ALGORITHM>;  // ends with an empty one, as OpenSSL wants
using Choose = bool (*)(std::string_view first_name, std::string_view properties);

Algorithms choose(OSSL_PROVIDER* provider, int operation, Choose chosen) {
  int no_cache = 0;
  Algorithms out;
  const OSSL_ALGORITHM* all = OSSL_PROVIDER_query_operation(provider, operation, &no_cache);
  for (; all && all->algorithm_names; ++all) {
    std::string_view name(all->algorithm_names);  // "EC:id-ecPublicKey:1.2.840..."
    name = name.substr(0, name.find(':'));
    if (chosen(name, all->property_definition)) out.push_back(*all);
  }
  out.push_back({});
  return out;
}

// A provider that passes on some of the default provider's algorithms (provider(7)).
struct Selection {
  OSSL_PROVIDER* source = nullptr;
  Algorithms decoders;
  Algorithms keys;
  Algorithms signatures;
  Algorithms digests;

  // Null on failure. In a library context of its own, which reads no configuration file.
  static const Selection* get() {
    static const Selection selection = make();
    return selection.source ? &selection : nullptr;
  }

 private:
  static Selection make() {
    OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
    Selection s;
    s.source = library ? OSSL_PROVIDER_load(library, "default") : nullptr;
    if (!s.source) return s;
    s.decoders = choose(s.source, OSSL_OP_DECODER, [](auto name, auto properties) {
      return name == "EC" && properties.ends_with("structure=SubjectPublicKeyInfo");
    });
    s.keys = choose(s.source, OSSL_OP_KEYMGMT, [](auto name, auto) { return name == "EC"; });
    s.signatures =
        choose(s.source, OSSL_OP_SIGNATURE, [](auto name, auto) { return name == "ECDSA"; });
    s.digests = choose(s.source, OSSL_OP_DIGEST,
                       [](auto name, auto) { return name == "SHA2-384" || name == "SHA1"; });
    return s;
  }
};

const OSSL_ALGORITHM* query(void*, int operation, int* no_cache) {
  *no_cache = 0;
  const Selection* selection = Selection::get();
  switch (operation) {
    case OSSL_OP_DECODER:
      return selection->decoders.data();
    case OSSL_OP_KEYMGMT:
      return selection->keys.data();
    case OSSL_OP_SIGNATURE:
      return selection->signatures.data();
    case OSSL_OP_DIGEST:
      return selection->digests.data();
    default:
      return nullptr;
  }
}

int init_provider(const OSSL_CORE_HANDLE*, const OSSL_DISPATCH*, const OSSL_DISPATCH** out,
                  void** context) {
  static const OSSL_DISPATCH table[] = {
      {OSSL_FUNC_PROVIDER_QUERY_OPERATION, reinterpret_cast<void (*)()>(query)}, {0, nullptr}};
  const Selection* selection = Selection::get();
  if (!selection) return 0;
  *out = table;
  *context = OSSL_PROVIDER_get0_provider_ctx(selection->source);
  return 1;
}

OSSL_LIB_CTX* make_library() {
  constexpr const char* kName = "concordat-chain";
  OSSL_LIB_CTX* library = OSSL_LIB_CTX_new();
  if (library && OSSL_PROVIDER_add_builtin(library, kName, init_provider) == 1 &&
      OSSL_PROVIDER_load(library, kName) != nullptr) {
    return library;
  }
  OSSL_LIB_CTX_free(library);
  return nullptr;
}

}  // namespace

base::Result<OSSL_LIB_CTX*> chain_crypto() {
  // Never freed: keys and certificates that outlive main's statics may still refer to it.
  static OSSL_LIB_CTX* const library = make_library();
  if (!library) return base::openssl_error("preparing to verify certificates");
  return library;
}

}  // namespace concordat::attest
