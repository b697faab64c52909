#include "session/protocols/psi_size/errc.hpp"

namespace concordat::session::psi_size {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::bad_parties:
      return {"bad_parties", "this protocol is between two parties"};
    case Errc::wrong_size:
      return {"wrong_size", "a message of another size than the parameters give it"};
    case Errc::not_an_element:
      return {"not_an_element", "not the one encoding of an element of the group but the identity"};
    case Errc::not_ascending:
      return {"not_ascending", "a list that is not in order, or holds an element twice"};
    case Errc::not_as_committed:
      return {"not_as_committed", "not what was committed to"};
  }
  return {"unknown", "unknown error of an intersection"};
}

}  // namespace concordat::session::psi_size
