#include "session/judged_receipt.hpp"

#include "session/party_question.hpp"

namespace concordat::session {

base::Result<JudgedReceipt> JudgedReceipt::judge(VerifiedReceipt receipt,
                                                 const policy::Policy& policy,
                                                 std::string_view own_role) {
  const DescriptorFields& fields = receipt.descriptor->fields();
  const policy::Model& model = policy.model();
  // What the descriptor wants there, and not what the receipt offers.
  for (const PartyIndex index : fields.indices()) {
    const auto claims = receipt.claims.find(index);
    if (claims == receipt.claims.end()) {
      return base::Error(ReceiptErrc::malformed, "no document of " + fields.name_of(index));
    }
    const auto judged =
        policy::evaluate_party(model, question_about(fields, *fields.party(index), own_role),
                               &claims->second, attest::authority_pcr16(model.authority));
    if (!judged.verdict) {
      return base::Error(judged.verdict.error().code(),
                         fields.name_of(index) + ": " + judged.verdict.error().detail());
    }
  }
  return JudgedReceipt(std::move(receipt));
}

}  // namespace concordat::session
