// What encoders and decoders of requests and responses share.
#pragma once

#include "attest/base/secret.hpp"
#include "keyservice/error.hpp"

namespace concordat::keyservice {

// An error of what was read, under the code that the message's reader promises.
[[nodiscard]] inline base::Error as(Errc code, const base::Error& cause) {
  return {code, cause.to_string()};
}

// `head` and then `tail`, in guarded memory.
[[nodiscard]] base::SecretBytes guarded(base::BytesView head, base::BytesView tail);

}  // namespace concordat::keyservice
