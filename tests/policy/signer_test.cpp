// Adding a signature: only one that verifies, once a signer, and nothing changes on failure.
#include "policy/signer.hpp"

#include <gtest/gtest.h>

#include "policy/errc.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::policy {
namespace {

using test::TestAuthority;

// A token as it may be: the right public key, and whatever it likes as an answer.
class Answers final : public Signer {
 public:
  Answers(const SignerKey& key, base::Result<Signature> answer)
      : key_(key), answer_(std::move(answer)) {}
  [[nodiscard]] const SignerKey& public_key() const noexcept override { return key_; }
  [[nodiscard]] base::Result<Signature> sign(base::BytesView) const override { return answer_; }

 private:
  SignerKey key_;
  base::Result<Signature> answer_;
};

class AddSignature : public testing::Test {
 protected:
  void expect_nothing_added(const Signer& signer, SignatureErrc wanted) {
    const base::Bytes before = envelope_.encode();
    const base::Status status = add_signature(envelope_, signer);
    ASSERT_FALSE(status);
    EXPECT_TRUE(status.error().is(wanted)) << status.error().to_string();
    EXPECT_EQ(envelope_.encode(), before);
  }

  TestAuthority authority_;
  const SignerKey& own_ = authority_.key(0).public_key();
  Envelope envelope_ = authority_.sign("payload", {0, 1});
};

TEST_F(AddSignature, TakesTheRightAnswer) {
  const Answers right(own_, authority_.key(0).sign(pre_authentication_encoding(
                                envelope_.payload_type, envelope_.payload)));
  ASSERT_TRUE(add_signature(envelope_, right));
  EXPECT_EQ(envelope_.signatures.size(), 2u);  // in place of the earlier one
  EXPECT_EQ(valid_signers(envelope_, authority_.descriptor()).size(), 2u);
}

TEST_F(AddSignature, TakesNoSignatureThatDoesNotVerify) {
  const base::Bytes message =
      pre_authentication_encoding(envelope_.payload_type, envelope_.payload);
  Signature altered = authority_.key(0).sign(message).value();
  altered.mutable_view()[0] ^= 1;
  const auto expect_refused = [&](const Signature& answer) {
    expect_nothing_added(Answers(own_, answer), SignatureErrc::bad_signature);
  };
  expect_refused(altered);
  expect_refused(Signature());
  expect_refused(authority_.key(1).sign(message).value());            // another key's
  expect_refused(authority_.key(0).sign(envelope_.payload).value());  // of the bare payload
}

TEST_F(AddSignature, PassesOnWhatTheSignerSays) {
  expect_nothing_added(Answers(own_, base::Error(SignatureErrc::no_policy)),
                       SignatureErrc::no_policy);
}

}  // namespace
}  // namespace concordat::policy
