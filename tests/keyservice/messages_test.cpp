#include "keyservice/messages.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::SecretAccess;
using base::SecretBytes;

SecretBytes secret(Bytes bytes) {
  return SecretBytes::take(bytes);
}

TEST(KeyRequests, RoundTrip) {
  const Request get{7, GetRequest{"payments/a"}};
  EXPECT_EQ(decode_request(encode(get)).value().key_name(), "payments/a");
  const Request sign{8, SignRequest{"payments/s", {1, 2, 3}}};
  const Request back = decode_request(encode(sign)).value();
  EXPECT_EQ(back.id, 8u);
  EXPECT_EQ(back.operation(), "sign");
  EXPECT_EQ(std::get<SignRequest>(back.body).message, (Bytes{1, 2, 3}));
}

TEST(KeyRequests, EveryTruncationAndExtensionIsRefused) {
  const Bytes whole = encode(Request{8, SignRequest{"payments/s", {1, 2, 3}}});
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(decode_request(BytesView(whole).first(n))) << n;
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_TRUE(decode_request(longer).error().is(Errc::malformed_request));
}

TEST(KeyRequests, UnknownOperationAndSizeHaveTheirOwnCodes) {
  base::cbor::Writer unknown;
  unknown.array(3).uint(1).text("steal").text("payments/a");
  EXPECT_TRUE(decode_request(unknown.view()).error().is(Errc::unknown_operation));
  EXPECT_EQ(request_id_of(unknown.view()), 1u);
  EXPECT_TRUE(decode_request(Bytes(kMaxRequest + 1)).error().is(Errc::message_too_large));
  const Request large{1, SignRequest{"a", Bytes(kMaxSignMessage + 1)}};
  EXPECT_TRUE(decode_request(encode(large)).error().is(Errc::malformed_request));
}

TEST(KeyResponses, RoundTripAllThree) {
  const SecretBytes key = SecretBytes::random(kDerivedKeySize);
  const SecretBytes released = encode(Response{1, ReleasedKey{3, key.clone()}});
  const Response got = decode_response(released, "get").value();
  EXPECT_EQ(std::get<ReleasedKey>(got.body).version, 3u);
  EXPECT_TRUE(std::get<ReleasedKey>(got.body).key == key);

  Signature signature;
  signature.version = 2;
  signature.signature.mutable_view()[0] = 9;
  const Response signed_back = decode_response(encode(Response{2, signature}), "sign").value();
  EXPECT_EQ(std::get<Signature>(signed_back.body).signature, signature.signature);

  const Response failed =
      decode_response(encode(Response{4, Failure{"not_granted", "why"}}), "get").value();
  EXPECT_EQ(std::get<Failure>(failed.body).code, "not_granted");
}

TEST(KeyResponses, AnAnswerToAnotherQuestionIsRefused) {
  const SecretBytes released = encode(Response{1, ReleasedKey{3, SecretBytes::random(32)}});
  EXPECT_TRUE(decode_response(released, "sign").error().is(Errc::malformed_response));
  Signature signature;
  signature.version = 1;
  EXPECT_TRUE(
      decode_response(encode(Response{2, signature}), "get").error().is(Errc::malformed_response));
}

TEST(KeyResponses, EveryTruncationIsRefused) {
  const SecretBytes whole = encode(Response{1, ReleasedKey{3, SecretBytes::random(32)}});
  const BytesView bytes = whole.expose(SecretAccess{});
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_response(secret(base::to_bytes(bytes.first(n))), "get")) << n;
  }
}

TEST(KeyResponses, LongDetailsAreCutAtACharacter) {
  std::string detail(kMaxErrorDetail - 1, 'x');
  detail += "\xc3\xa9 and more";
  const Failure failure = failure_of(base::Error(Errc::not_ready, detail));
  EXPECT_LE(failure.detail.size(), kMaxErrorDetail);
  EXPECT_TRUE(decode_response(encode(Response{1, failure}), "get")) << "still UTF-8";
}

}  // namespace
}  // namespace concordat::keyservice
