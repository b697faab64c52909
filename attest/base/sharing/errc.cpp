#include "attest/base/sharing/errc.hpp"

namespace concordat::base::sharing {

CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::not_canonical:
      return {"scalar_not_canonical", "not the one encoding of a scalar"};
    case Errc::bad_threshold:
      return {"bad_threshold", "a threshold is 1 at least, and at most the number of shares"};
    case Errc::zero_index:
      return {"zero_index", "the share at 0 would be the secret itself"};
    case Errc::repeated_index:
      return {"repeated_index", "two shares of one index"};
    case Errc::too_few_shares:
      return {"too_few_shares", "fewer shares than the threshold"};
    case Errc::bad_commitment:
      return {"bad_commitment", "not commitments to a polynomial"};
    case Errc::wrong_share:
      return {"wrong_share", "the share does not match the commitments"};
  }
  return {"unknown", "unknown error of shares"};
}

}  // namespace concordat::base::sharing
