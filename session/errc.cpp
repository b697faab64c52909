#include "session/errc.hpp"

namespace concordat::session {

base::CodeInfo describe(DescriptorErrc code) noexcept {
  switch (code) {
    case DescriptorErrc::malformed:
      return {"descriptor_malformed", "not a session descriptor"};
    case DescriptorErrc::authority_missing:
      return {"authority_missing", "the authority descriptor of a party is not at hand"};
    case DescriptorErrc::not_signed:
      return {"descriptor_not_signed", "a party's authority has not signed the session"};
    case DescriptorErrc::parameters_refused:
      return {"parameters_refused", "the protocol does not take the session's parameters"};
    case DescriptorErrc::not_yet:
      return {"session_not_yet", "the session has not begun"};
    case DescriptorErrc::deadline_passed:
      return {"session_deadline_passed", "the session's deadline has passed"};
    case DescriptorErrc::no_such_party:
      return {"no_such_party", "the session has no such party"};
  }
  return {"unknown", "unknown error of descriptors"};
}

base::CodeInfo describe(FormingErrc code) noexcept {
  switch (code) {
    case FormingErrc::malformed_statement:
      return {"malformed_party_statement", "the document does not say which party it is of"};
    case FormingErrc::wrong_party:
      return {"wrong_party", "the document is another party's"};
    case FormingErrc::not_for_us:
      return {"not_for_this_party", "the handshake is meant for another party"};
    case FormingErrc::seat_taken:
      return {"seat_taken", "the enclave or its key sits elsewhere in this session"};
    case FormingErrc::malformed_roster:
      return {"malformed_roster", "not a roster"};
    case FormingErrc::roster_differs:
      return {"roster_differs", "a party was shown another group"};
    case FormingErrc::roster_not_signed:
      return {"roster_not_signed", "a party's signature under the roster does not verify"};
    case FormingErrc::party_restarted:
      return {"party_restarted", "another enclave came for a seat of a roster that is signed"};
    case FormingErrc::too_much_early:
      return {"too_much_early", "a party sends more before the session has formed than is kept"};
    case FormingErrc::timed_out:
      return {"forming_timed_out", "the parties did not come together in time"};
    case FormingErrc::own_document:
      return {"own_document", "this enclave's own document is not what the session needs"};
    case FormingErrc::runs_used_up:
      return {"runs_used_up", "this input has been in as many runs as policy allows"};
  }
  return {"unknown", "unknown error of forming"};
}

base::CodeInfo describe(ReceiptErrc code) noexcept {
  switch (code) {
    case ReceiptErrc::malformed:
      return {"receipt_malformed", "not a receipt"};
    case ReceiptErrc::other_session:
      return {"receipt_other_session", "roster and descriptor are of different sessions"};
    case ReceiptErrc::document_differs:
      return {"receipt_document_differs", "a document does not say what the roster says"};
    case ReceiptErrc::not_signed:
      return {"receipt_not_signed", "a signature in the receipt does not verify"};
    case ReceiptErrc::not_confirmed:
      return {"receipt_not_confirmed", "a party did not confirm this result"};
    case ReceiptErrc::outside_session:
      return {"receipt_outside_session", "dated outside the session's time"};
  }
  return {"unknown", "unknown error of receipts"};
}

base::CodeInfo describe(ProofErrc code) noexcept {
  switch (code) {
    case ProofErrc::malformed:
      return {"proof_malformed", "not evidence of a run"};
    case ProofErrc::group_refused:
      return {"proof_group_refused", "the group that it is of is not proved"};
    case ProofErrc::convicts_nobody:
      return {"proof_convicts_nobody", "it proves nobody's guilt"};
    case ProofErrc::broadcasts_differ:
      return {"proof_broadcasts_differ", "the broadcasts in it are not those that all parties saw"};
    case ProofErrc::incomplete:
      return {"proof_incomplete", "the broadcasts of earlier rounds, which its check takes, lack"};
    case ProofErrc::other_party:
      return {"proof_other_party", "it proves another party's guilt"};
    case ProofErrc::other_run:
      return {"proof_other_run", "it is of another run"};
  }
  return {"unknown", "unknown error of proofs"};
}

}  // namespace concordat::session
