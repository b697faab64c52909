#include "session/protocols/aggregate/errc.hpp"

namespace concordat::session::aggregate {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::bad_parties:
      return {"bad_parties", "not a number of parties that can aggregate"};
    case Errc::wrong_size:
      return {"wrong_size", "a message of another size than the parameters give it"};
    case Errc::not_canonical:
      return {"not_canonical", "not the one encoding of an element or a scalar"};
    case Errc::not_as_committed:
      return {"not_as_committed", "not what was committed to"};
    case Errc::impossible_total:
      return {"impossible_total", "a total that no tables within the parameters' bounds have"};
  }
  return {"unknown", "unknown error of an aggregation"};
}

}  // namespace concordat::session::aggregate
