#include "keyservice/messages.hpp"

#include <gtest/gtest.h>

#include <set>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/keyring/operation_limits.hpp"
#include "keyservice/limits.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::SecretAccess;
using base::SecretBytes;

SecretBytes secret(Bytes bytes) {
  return SecretBytes::take(bytes);
}

SecretBytes encode_of(const ResponseBody& body) {
  return encode(1, body);
}

RequestBody secret_request(SecretBytes bytes) {
  return EncryptRequest{"payments/e", {7}, std::move(bytes)};
}

// One of each, in the order of RequestBody.
std::vector<RequestBody> every_request() {
  std::vector<RequestBody> all;
  all.emplace_back(GetRequest{"payments/a", 3});
  all.emplace_back(SignRequest{"payments/s", {1, 2, 3}});
  all.emplace_back(VerifyRequest{"payments/s", {1, 2, 3}, {9, 9}});
  all.push_back(secret_request(secret({4, 5, 6})));
  all.emplace_back(DecryptRequest{"payments/e", {7}, {8, 8, 8}});
  all.emplace_back(WrapRequest{"payments/w", secret({4, 5})});
  all.emplace_back(UnwrapRequest{"payments/w", {8, 8}});
  all.emplace_back(MacRequest{"payments/m", {1}});
  all.emplace_back(DeriveRequest{"payments/d", 2, 48, {1, 1}, std::nullopt});
  all.emplace_back(RandomRequest{"payments/r", 16});
  all.emplace_back(PublicRequest{"payments/s", 0});
  all.emplace_back(CountRunRequest{"sums/2026-11", "aggregate/1", {}, {}});
  return all;
}

Bytes plain(const SecretBytes& bytes) {
  return base::to_bytes(bytes.expose(SecretAccess{}));
}
Bytes encoded(std::uint64_t id, const RequestBody& body) {
  return plain(encode(id, body));
}

TEST(KeyRequests, RoundTrip) {
  std::set<std::string_view> seen;
  for (const RequestBody& body : every_request()) {
    const Bytes sent = encoded(7, body);
    const Request back = decode_request(sent).value();
    EXPECT_EQ(back.id, 7u);
    EXPECT_EQ(back.body.index(), body.index());
    EXPECT_EQ(key_name(back.body), key_name(body));
    EXPECT_EQ(encoded(7, back.body), sent) << "nothing is lost: " << key_name(body);
    seen.insert(operation_name(body));
  }
  EXPECT_EQ(seen.size(), policy::kOperations + 1);
}

TEST(KeyRequests, HaveTheDocumentedForm) {
  EXPECT_EQ(base::to_hex(encoded(7, GetRequest{"a", 3})),
            "8407636765746161"
            "03");
  EXPECT_EQ(base::to_hex(encoded(1, secret_request(secret({4})))),
            "850167656e637279707"
            "46a7061796d656e74732f65"
            "4107"
            "4104");
  EXPECT_EQ(base::to_hex(encoded(1, WrapRequest{"a", KeyReference{"b", 2}})),
            "84016477726170"
            "6161"
            "82616202");
  EXPECT_EQ(base::to_hex(encoded(1, DeriveRequest{"a", 0, 32, {}, std::nullopt})),
            "87016664657269766561"
            "61"
            "00"
            "1820"
            "40"
            "f6");
}

TEST(KeyRequests, TheTwoFormsOfWrapAndDeriveAreToldApart) {
  const auto wrap = decode_request(encoded(1, WrapRequest{"a", KeyReference{"b", 2}})).value();
  EXPECT_EQ(std::get<KeyReference>(std::get<WrapRequest>(wrap.body).what).name, "b");
  PeerPublicKey peer;
  peer.mutable_view()[31] = 9;
  const auto derive = decode_request(encoded(1, DeriveRequest{"a", 0, 32, {}, peer})).value();
  EXPECT_EQ(std::get<DeriveRequest>(derive.body).peer, peer);
}

TEST(KeyRequests, EveryTruncationAndExtensionIsRefused) {
  for (const RequestBody& body : every_request()) {
    const Bytes whole = encoded(8, body);
    for (std::size_t n = 0; n < whole.size(); ++n)
      EXPECT_FALSE(decode_request(BytesView(whole).first(n))) << body.index() << " " << n;
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_TRUE(decode_request(longer).error().is(Errc::malformed_request)) << body.index();
  }
}

TEST(KeyRequests, UnknownOperationAndSizeHaveTheirOwnCodes) {
  base::cbor::Writer unknown;
  unknown.array(4).uint(1).text("steal").text("payments/a").uint(0);
  EXPECT_TRUE(decode_request(unknown.view()).error().is(Errc::unknown_operation));
  EXPECT_EQ(request_id_of(unknown.view()), 1u);
  EXPECT_TRUE(decode_request(Bytes(kMaxRequest + 1)).error().is(Errc::message_too_large));
}

// Each item just over its bound, and at it.
TEST(KeyRequests, EveryItemHasABound) {
  const auto is_taken = [](const RequestBody& body) {
    return decode_request(encoded(1, body)).has_value();
  };
  const auto expect_bound = [&](std::size_t bound, const auto& request_of) {
    EXPECT_TRUE(is_taken(request_of(bound))) << bound;
    EXPECT_FALSE(is_taken(request_of(bound + 1))) << bound;
  };
  expect_bound(kMaxSignMessage, [](std::size_t n) -> RequestBody {
    return SignRequest{"a", Bytes(n)};
  });
  expect_bound(kMaxSignMessage, [](std::size_t n) -> RequestBody {
    return VerifyRequest{"a", Bytes(n), {}};
  });
  expect_bound(kMaxEnvelope, [](std::size_t n) -> RequestBody {
    return VerifyRequest{"a", {}, Bytes(n)};
  });
  expect_bound(kMaxPlaintext, [](std::size_t n) -> RequestBody {
    return EncryptRequest{"a", {}, SecretBytes::zeroed(n)};
  });
  expect_bound(kMaxAssociatedData, [](std::size_t n) -> RequestBody {
    return EncryptRequest{"a", Bytes(n), {}};
  });
  expect_bound(kMaxAssociatedData, [](std::size_t n) -> RequestBody {
    return DecryptRequest{"a", Bytes(n), {}};
  });
  expect_bound(kMaxEnvelope, [](std::size_t n) -> RequestBody {
    return DecryptRequest{"a", {}, Bytes(n)};
  });
  expect_bound(kMaxWrappedBytes, [](std::size_t n) -> RequestBody {
    return WrapRequest{"a", SecretBytes::zeroed(n)};
  });
  expect_bound(kMaxEnvelope, [](std::size_t n) -> RequestBody {
    return UnwrapRequest{"a", Bytes(n)};
  });
  expect_bound(kMaxSignMessage, [](std::size_t n) -> RequestBody {
    return MacRequest{"a", Bytes(n)};
  });
  expect_bound(kMaxContext, [](std::size_t n) -> RequestBody {
    return DeriveRequest{"a", 0, 32, Bytes(n), std::nullopt};
  });
  expect_bound(kMaxKeyName, [](std::size_t n) -> RequestBody {
    return GetRequest{std::string(n, 'a'), 0};
  });
  EXPECT_TRUE(is_taken(DecryptRequest{"a", Bytes(kMaxAssociatedData), Bytes(kMaxEnvelope)}))
      << "the largest request fits";
}

TEST(KeyResponses, RoundTripAll) {
  const SecretBytes key = SecretBytes::random(kDerivedKeySize);
  const auto back = [](const ResponseBody& body, policy::Operation operation) {
    return std::move(decode_response(encode_of(body), operation).value().body);
  };
  const auto released =
      back(ReleasedKey{3, KeyType::aes256, {99}, key.clone()}, policy::Operation::get);
  EXPECT_EQ(std::get<ReleasedKey>(released).version, 3u);
  EXPECT_EQ(std::get<ReleasedKey>(released).type, KeyType::aes256);
  EXPECT_EQ(std::get<ReleasedKey>(released).expires, base::UnixMillis{99});
  EXPECT_TRUE(std::get<ReleasedKey>(released).key == key);
  for (const auto operation : {policy::Operation::sign, policy::Operation::encrypt,
                               policy::Operation::wrap, policy::Operation::mac}) {
    EXPECT_EQ(std::get<MadeEnvelope>(back(MadeEnvelope{{1, 2}}, operation)).envelope,
              (Bytes{1, 2}));
  }
  EXPECT_EQ(std::get<Verified>(back(Verified{2}, policy::Operation::verify)).version, 2u);
  for (const auto operation : {policy::Operation::decrypt, policy::Operation::unwrap,
                               policy::Operation::derive, policy::Operation::random}) {
    EXPECT_EQ(plain(std::get<GivenBytes>(back(GivenBytes{2, secret({5})}, operation)).bytes),
              (Bytes{5}));
  }
  EXPECT_TRUE(
      std::get<GivenBytes>(back(GivenBytes{2, {}}, policy::Operation::decrypt)).bytes.empty())
      << "an empty plaintext is one";
  const auto half = back(GivenPublicKey{4, KeyType::p256, {4, 4}}, policy::Operation::public_key);
  EXPECT_EQ(std::get<GivenPublicKey>(half).type, KeyType::p256);
  EXPECT_EQ(std::get<GivenPublicKey>(half).raw, (Bytes{4, 4}));
  const auto counted = decode_response(encode_of(RunCounted{3}), std::nullopt).value().body;
  EXPECT_EQ(std::get<RunCounted>(counted).runs, 3u);
  const auto failed = back(Failure{"not_granted", "why"}, policy::Operation::get);
  EXPECT_EQ(std::get<Failure>(failed).code, "not_granted");
}

TEST(KeyResponses, OnlyRandomIsOfNoVersion) {
  const SecretBytes none = encode_of(GivenBytes{0, secret({5})});
  EXPECT_TRUE(decode_response(none, policy::Operation::random));
  EXPECT_FALSE(decode_response(none, policy::Operation::decrypt));
}

TEST(KeyResponses, AnAnswerToAnotherQuestionIsRefused) {
  const SecretBytes released =
      encode_of(ReleasedKey{3, KeyType::derived, {1}, SecretBytes::random(32)});
  EXPECT_TRUE(
      decode_response(released, policy::Operation::sign).error().is(Errc::malformed_response));
  const SecretBytes made = encode_of(MadeEnvelope{{1}});
  EXPECT_TRUE(decode_response(made, policy::Operation::get).error().is(Errc::malformed_response));
  EXPECT_FALSE(decode_response(made, policy::Operation::verify)) << "a signature proves nothing";
}

TEST(KeyResponses, EveryTruncationIsRefused) {
  const SecretBytes whole =
      encode_of(ReleasedKey{3, KeyType::derived, {1}, SecretBytes::random(32)});
  const BytesView bytes = whole.expose(SecretAccess{});
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_response(secret(base::to_bytes(bytes.first(n))), policy::Operation::get))
        << n;
  }
}

TEST(KeyResponses, AFailuresWordsHaveABound) {
  const auto is_taken = [](std::size_t code, std::size_t detail) {
    const Failure failure{std::string(code, 'c'), std::string(detail, 'd')};
    return decode_response(encode_of(failure), policy::Operation::get).has_value();
  };
  EXPECT_TRUE(is_taken(kMaxErrorCode, kMaxErrorDetail));
  EXPECT_FALSE(is_taken(kMaxErrorCode + 1, 1));
  EXPECT_FALSE(is_taken(1, kMaxErrorDetail + 1));
}

TEST(KeyResponses, LongDetailsAreCutAtACharacter) {
  std::string detail(kMaxErrorDetail - 1, 'x');
  detail += "\xc3\xa9 and more";
  const Failure failure = failure_of(base::Error(Errc::not_ready, detail));
  EXPECT_LE(failure.detail.size(), kMaxErrorDetail);
  EXPECT_TRUE(decode_response(encode_of(failure), policy::Operation::get)) << "still UTF-8";
}

}  // namespace
}  // namespace concordat::keyservice
