#include "peer/messages.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;

Hello sample_hello() {
  Hello hello;
  hello.purpose = "keys";
  hello.policy.serial = 7;
  return hello;
}

// Every proper prefix and every extension of a message is refused as malformed.
template <class Decode>
void expect_exact(const Bytes& message, Decode decode) {
  EXPECT_TRUE(decode(message));
  for (std::size_t n = 0; n < message.size(); ++n) {
    EXPECT_TRUE(decode(BytesView(message).first(n)).error().is(Errc::malformed_message)) << n;
  }
  Bytes longer = message;
  longer.push_back(0);
  EXPECT_TRUE(decode(longer).error().is(Errc::malformed_message));
}

TEST(Messages, EveryTruncationAndExtensionIsRefused) {
  expect_exact(encode(sample_hello()), decode_hello);
  expect_exact(encode_reply(encode(ReplyFields{}), Bytes(20)), decode_reply);
  expect_exact(encode_box(Bytes(20)), [](BytesView b) { return decode_box(b, 20); });
  expect_exact(encode_responder_evidence(Bytes(20)), decode_responder_evidence);
  expect_exact(encode_initiator_evidence(Bytes(20)), decode_initiator_evidence);
  expect_exact(encode_initiator_evidence(OperatorProof{}), decode_initiator_evidence);
  expect_exact(encode_verdict(CoarseCode::busy), decode_verdict);
  expect_exact(encode(Refuse{CoarseCode::policy_differs, {}, Bytes(9)}), decode_refuse);
  expect_exact(encode_statement({{}, "keys", "worker", {}, {{"a", {1}}}}), decode_statement);
}

TEST(Messages, NamesAreRestricted) {
  for (const auto* purpose : {"", "Keys", "a b", "a\n", "\xc3\xa9"}) {
    Hello hello = sample_hello();
    hello.purpose = purpose;
    EXPECT_TRUE(decode_hello(encode(hello)).error().is(Errc::malformed_message)) << purpose;
  }
  Hello hello = sample_hello();
  hello.purpose = std::string(kMaxPurpose + 1, 'a');
  EXPECT_TRUE(decode_hello(encode(hello)).error().is(Errc::malformed_message));
}

TEST(Messages, OtherKindsOfEvidenceAreNamed) {
  const Bytes unknown = std::move(base::cbor::Writer().array(2).uint(2).bytes({})).take();
  EXPECT_TRUE(decode_initiator_evidence(unknown).error().is(Errc::unknown_evidence));
}

TEST(Messages, AKindOfEvidenceHasItsOwnNumberOfItems) {
  const Bytes short_proof = std::move(base::cbor::Writer().array(2).uint(1).bytes({})).take();
  EXPECT_TRUE(decode_initiator_evidence(short_proof).error().is(Errc::malformed_message));
  const Bytes long_document =
      std::move(base::cbor::Writer().array(3).uint(0).bytes({}).bytes({})).take();
  EXPECT_TRUE(decode_initiator_evidence(long_document).error().is(Errc::malformed_message));
}

TEST(Messages, UnknownCoarseCodeIsRefused) {
  const Bytes code = std::move(base::cbor::Writer().array(1).uint(kLastCoarseCode + 1)).take();
  EXPECT_TRUE(decode_verdict(code).error().is(Errc::malformed_message));
}

TEST(Messages, ExtensionKeysMustAscend) {
  const auto items = [](std::initializer_list<const char*> keys) {
    base::cbor::Writer out;
    out.bytes(TranscriptHash().view()).text("keys").text("worker").uint(1);
    out.bytes(base::Sha256Digest().view()).map(keys.size());
    for (const char* key : keys)
      out.text(key).bytes({});
    return std::move(out).take();
  };
  EXPECT_TRUE(decode_statement(items({"b", "aa"})));
  EXPECT_TRUE(decode_statement(items({"aa", "b"})).error().is(Errc::malformed_message));
  EXPECT_TRUE(decode_statement(items({"a", "a"})).error().is(Errc::malformed_message));
}

TEST(CoarseCodes, PeersLearnOnlyTheClass) {
  EXPECT_EQ(coarse_code(Errc::key_not_attested), CoarseCode::not_admitted);
  EXPECT_EQ(coarse_code(Errc::policy_differs), CoarseCode::policy_differs);
  EXPECT_EQ(coarse_code(base::Error(base::CryptoErrc::bad_key)), CoarseCode::not_admitted);
}

}  // namespace
}  // namespace concordat::peer
