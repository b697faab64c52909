#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "attest/nsm.hpp"

namespace concordat::attest::nsm {
namespace {

using base::cbor::Writer;

// Answers every request with the same bytes and keeps the last request.
class CannedTransport final : public NsmTransport {
 public:
  explicit CannedTransport(Bytes answer) : answer_(std::move(answer)) {}
  explicit CannedTransport(const Response& answer) : answer_(encode_response(answer)) {}
  Result<Bytes> exchange(BytesView request) override {
    ++calls;
    last_request = base::to_bytes(request);
    return answer_;
  }
  int calls = 0;
  Bytes last_request;

 private:
  Bytes answer_;
};

Bytes hex(std::string_view text) {
  return base::from_hex(text).value();
}

std::string why(BytesView response) {
  const auto decoded = decode_response(response);
  EXPECT_FALSE(decoded);
  if (decoded) return "accepted";
  EXPECT_TRUE(decoded.error().is(Errc::invalid_response));
  return decoded.error().detail();
}

Bytes describe_pcr_response(auto&& fill) {
  Writer writer;
  writer.map(1).text("DescribePCR");
  fill(writer);
  return std::move(writer).take();
}

TEST(NsmResponse, AnyKeyOrderWidthAndMapForm) {
  // {_ "DescribePCR": {_ "data": h'00*48', "lock": true}} with a two-byte head for the length.
  Bytes message = hex("bf6b4465736372696265504352bf6464617461590030");
  message.insert(message.end(), 48, 0);
  base::append(message, hex("646c6f636bf5ffff"));
  const auto response = decode_response(message);
  ASSERT_TRUE(response) << response.error().to_string();
  EXPECT_TRUE(std::get<DescribePcrResponse>(*response).lock);
}

TEST(NsmResponse, PassesOverUnknownFieldsOnly) {
  const PcrValue zero;
  const auto with_extra = describe_pcr_response([&](Writer& w) {
    w.map(3).text("lock").boolean(false).text("new").array(1).map(0).text("data").bytes(
        zero.view());
  });
  EXPECT_TRUE(decode_response(with_extra));
  const auto twice = describe_pcr_response([&](Writer& w) {
    w.map(3).text("lock").boolean(false).text("lock").boolean(true).text("data").bytes(zero.view());
  });
  EXPECT_NE(why(twice).find("lock: comes twice"), std::string::npos);
  const auto missing =
      describe_pcr_response([&](Writer& w) { w.map(1).text("data").bytes(zero.view()); });
  EXPECT_NE(why(missing).find("lock: absent"), std::string::npos);
}

TEST(NsmResponse, RefusesRegistersOfAnotherHash) {
  const auto short_value = describe_pcr_response(
      [](Writer& w) { w.map(2).text("lock").boolean(true).text("data").bytes(Bytes(32)); });
  EXPECT_NE(why(short_value).find("want 48 bytes, got 32"), std::string::npos);
}

TEST(NsmResponse, RefusesWhatIsNotOneKnownMessage) {
  EXPECT_NE(why(hex("a0")).find("empty map"), std::string::npos);
  EXPECT_NE(why({}).find("no more bytes"), std::string::npos);
  EXPECT_NE(why(hex("674c6f636b50435200")).find("bytes after"), std::string::npos);
  EXPECT_NE(why(hex("a2674c6f636b504352f6684c6f636b50435273f6")).find("map"), std::string::npos);
  Writer unknown;
  unknown.map(1).text("Error").text("So\nnew");
  EXPECT_NE(why(unknown.view()).find("\"So?new\""), std::string::npos);
  Writer success;
  success.map(1).text("Error").text("Success");
  EXPECT_NE(why(success.view()).find("Success"), std::string::npos);
  EXPECT_NE(why(Bytes(kMaxResponse + 1)).find("12289 bytes"), std::string::npos);
}

TEST(NsmResponse, EveryPrefixOfADescriptionIsRefused) {
  DescribeNsmResponse description;
  description.module_id = "i-0123456789abcdef0-enc0123456789abcdef";
  description.locked_pcrs = {0, 1, 300};
  const Bytes whole = encode_response(description);
  ASSERT_TRUE(decode_response(whole));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(decode_response(BytesView(whole).first(n))) << n;
  }
}

TEST(NsmResponse, BoundsTheListOfLockedRegisters) {
  Bytes endless = hex("a16b44657363726962654e534da16b6c6f636b65645f706372739f");
  endless.insert(endless.end(), 1000, 0x01);
  EXPECT_NE(why(endless).find("more than 256 items"), std::string::npos);
}

TEST(NsmRequest, TheModuleRefusesWhatIsNoRequest) {
  for (const char* bad :
       {"", "a0", "f6", "63666f6f", "a16b4465736372696265504352a0",
        "a16b4465736372696265504352a165696e6465781a00010000", "6947657452616e646f6d00"}) {
    const auto request = decode_request(hex(bad));
    ASSERT_FALSE(request) << bad;
    EXPECT_EQ(errc_of(request.error()), Errc::invalid_operation) << bad;
  }
  const auto large = decode_request(Bytes(kMaxRequest + 1));
  EXPECT_EQ(errc_of(large.error()), Errc::input_too_large);
}

TEST(NsmRequest, EmptyFieldsAreNotNullFields) {
  const AttestationRequest empty{Bytes{}, std::nullopt, Bytes{}};
  const auto decoded = std::get<AttestationRequest>(decode_request(encode_request(empty)).value());
  EXPECT_TRUE(decoded.user_data && decoded.user_data->empty());
  EXPECT_FALSE(decoded.nonce);
  EXPECT_TRUE(decoded.public_key);
}

TEST(NsmClient, ReturnsTheAnswerOfTheSameName) {
  CannedTransport transport(DescribePcrResponse{true, PcrValue()});
  const auto pcr = describe_pcr(transport, 16);
  ASSERT_TRUE(pcr);
  EXPECT_TRUE(pcr->lock);
  EXPECT_EQ(transport.last_request, encode_request(DescribePcrRequest{16}));
}

TEST(NsmClient, RefusesTheAnswerToAnotherRequest) {
  CannedTransport transport(LockPcrsResponse{});
  EXPECT_TRUE(lock_pcr(transport, 16).error().is(Errc::invalid_response));
  EXPECT_TRUE(lock_pcrs(transport, 17));
}

TEST(NsmClient, HandsOnTheModulesError) {
  CannedTransport transport(ErrorResponse{Errc::read_only_index});
  EXPECT_TRUE(extend_pcr(transport, 0, Bytes{1}).error().is(Errc::read_only_index));
}

TEST(NsmClient, AsksNothingThatIsTooLarge) {
  CannedTransport transport(AttestationResponse{Bytes{1}});
  EXPECT_TRUE(attestation(transport, {Bytes(1024), Bytes(1024), Bytes(1024)}));
  EXPECT_EQ(transport.calls, 1);
  const auto refused = attestation(transport, {Bytes(1025), {}, {}});
  EXPECT_TRUE(refused.error().is(Errc::input_too_large));
  EXPECT_NE(refused.error().detail().find("user_data has 1025 bytes"), std::string::npos);
  EXPECT_TRUE(extend_pcr(transport, 16, Bytes(5000)).error().is(Errc::input_too_large));
  EXPECT_EQ(transport.calls, 1);
}

}  // namespace
}  // namespace concordat::attest::nsm
