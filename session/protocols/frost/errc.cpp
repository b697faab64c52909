#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::bad_group:
      return {"bad_group", "not a group's public key with its verification shares"};
    case Errc::bad_threshold:
      return {"bad_threshold", "a threshold is 2 at least, and at most the number of holders"};
    case Errc::wrong_parties:
      return {"wrong_parties", "these parties cannot run this"};
    case Errc::no_share:
      return {"no_share", "this party brought no share of the key; restore what keygen kept"};
    case Errc::wrong_share:
      return {"wrong_share", "not this party's share of this group"};
    case Errc::other_epoch:
      return {"other_epoch", "a share from before or after a resharing: epochs do not mix"};
    case Errc::unexpected_input:
      return {"unexpected_input", "this protocol takes no such input"};
    case Errc::not_the_message:
      return {"not_the_message", "the input is not the message whose hash the descriptor has"};
    case Errc::wrong_size:
      return {"wrong_size", "a message of another size"};
    case Errc::not_an_element:
      return {"not_an_element", "not an element of the group, or the identity"};
    case Errc::not_opened:
      return {"not_opened", "not what the hash of an earlier round was of"};
    case Errc::bad_proof:
      return {"bad_proof", "the proof of possession of the constant term does not hold"};
    case Errc::wrong_constant:
      return {"wrong_constant", "the dealer shares something else than its share"};
    case Errc::bad_signature_share:
      return {"bad_signature_share", "the signature share does not match its commitments"};
    case Errc::not_confirmed:
      return {"not_confirmed", "another group than the messages of this run lead to"};
    case Errc::nonces_spent:
      return {"nonces_spent", "these nonces made a signature share already"};
    case Errc::no_nonces:
      return {"no_nonces", "no such preprocessed nonces: never made, used, or lost in a restart"};
    case Errc::identity:
      return {"identity", "a sum of elements is the identity"};
    case Errc::signature_invalid:
      return {"signature_invalid", "the signature does not verify"};
    case Errc::not_settled_by:
      return {"not_settled_by", "the receipt does not show that shares of a later epoch are safe"};
  }
  return {"unknown", "unknown error of FROST"};
}

}  // namespace concordat::session::frost
