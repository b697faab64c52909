#include "peer/relay_preface.hpp"

#include <gtest/gtest.h>

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;

std::vector<Preface> samples() {
  return {Target(EnclaveTarget{"custodian"}),
          Target(EgressTarget{{"kms.eu-central-1.amazonaws.com", 443}}),
          Target(ParentHttpTarget{}),
          Source{"enclave/worker-1"},
          Source{"parent/10.0.0.7"},
          Answer::ok,
          Answer::unknown_caller};
}

base::Error refusal(BytesView bytes) {
  const auto decoded = decode_preface(bytes);
  return decoded ? base::Error() : decoded.error();
}

Bytes with_body(std::uint8_t kind, std::string_view body) {
  Bytes out{'C', 'C', 'R', 'P', 1, kind};
  out.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(body.size()));
  base::append(out, base::as_bytes(body));
  return out;
}

TEST(RelayPreface, IsWrittenAsSpecified) {
  EXPECT_EQ(base::to_hex(encode_preface(Target(ParentHttpTarget{}))),
            "434352500101000b706172656e742f68747470");
  EXPECT_EQ(base::to_hex(encode_preface(Source{"enclave/w"})),
            "4343525001020009656e636c6176652f77");
  EXPECT_EQ(base::to_hex(encode_preface(Answer::unreachable)), "434352500103000103");
}

TEST(RelayPreface, RoundTrips) {
  for (const Preface& preface : samples()) {
    EXPECT_EQ(decode_preface(encode_preface(preface)).value(), preface);
  }
}

TEST(RelayPreface, EveryTruncationAsksForMoreAndIsNoPreface) {
  for (const Preface& preface : samples()) {
    const Bytes whole = encode_preface(preface);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const BytesView part = BytesView(whole).first(size);
      EXPECT_TRUE(refusal(part).is(PrefaceErrc::truncated)) << size;
      // Never asks beyond the end: what follows belongs to the stream.
      const std::size_t missing = preface_bytes_missing(part).value();
      EXPECT_GT(missing, 0u);
      EXPECT_LE(size + missing, whole.size());
    }
    EXPECT_EQ(preface_bytes_missing(whole).value(), 0u);
  }
}

TEST(RelayPreface, RefusesBytesAfterIt) {
  Bytes bytes = encode_preface(Answer::ok);
  bytes.push_back(0);
  EXPECT_TRUE(refusal(bytes).is(PrefaceErrc::trailing_bytes));
}

TEST(RelayPreface, EveryBitOfTheHeadMatters) {
  const Bytes good = encode_preface(Target(ParentHttpTarget{}));
  for (std::size_t bit = 0; bit < kPrefaceHead * 8; ++bit) {
    Bytes bad = good;
    bad[bit / 8] = static_cast<std::uint8_t>(bad[bit / 8] ^ (1u << (bit % 8)));
    const auto decoded = decode_preface(bad);
    EXPECT_FALSE(decoded.has_value()) << "bit " << bit;
  }
}

TEST(RelayPreface, RefusesOtherVersionsAndKinds) {
  Bytes bytes = encode_preface(Answer::ok);
  bytes[4] = 2;
  EXPECT_TRUE(refusal(bytes).is(PrefaceErrc::unknown_version));
  for (const std::uint8_t kind : Bytes{0, 4, 255}) {
    EXPECT_TRUE(refusal(with_body(kind, "x")).is(PrefaceErrc::unknown_kind));
  }
}

TEST(RelayPreface, BoundsTheBody) {
  EXPECT_TRUE(refusal(with_body(1, "")).is(PrefaceErrc::bad_length));
  EXPECT_TRUE(
      refusal(with_body(1, std::string(kMaxPrefaceBody + 1, 'x'))).is(PrefaceErrc::bad_length));
  // Said before the body is read, so that nobody waits for it or keeps it.
  const Bytes oversize = with_body(1, std::string(0xffff, 'x'));
  EXPECT_TRUE(preface_bytes_missing(BytesView(oversize).first(kPrefaceHead))
                  .error()
                  .is(PrefaceErrc::bad_length));
  const std::string longest_host(kMaxHostName, 'h');
  const Bytes longest = encode_preface(Target(EgressTarget{{longest_host, 65535}}));
  EXPECT_LE(longest.size(), kMaxPreface);
  EXPECT_TRUE(decode_preface(longest).has_value());
}

TEST(RelayPreface, RefusesUnknownAnswers) {
  EXPECT_TRUE(refusal(with_body(3, "\x07")).is(PrefaceErrc::bad_answer));
  EXPECT_TRUE(refusal(with_body(3, std::string_view("\0\0", 2))).is(PrefaceErrc::bad_answer));
}

TEST(Target, HasOneTextEach) {
  for (const std::string_view bad :
       {"", "parent/", "parent/http/", "Parent/http", "enclave/", "enclave/-a", "enclave/a-",
        "enclave/A", "enclave/a/b", "enclave/a.b", "egress/", "egress/host", "egress/host:0",
        "egress/Host:443", "egress/host:0443", "egress/[::1]:443", "egress/ho st:443",
        "egress/host:443 ", "worker-1"}) {
    const auto target = parse_target(bad);
    ASSERT_FALSE(target.has_value()) << bad;
    EXPECT_TRUE(target.error().is(PrefaceErrc::bad_target)) << bad;
  }
  EXPECT_TRUE(parse_target("enclave/" + std::string(63, 'a')).has_value());
  EXPECT_FALSE(parse_target("enclave/" + std::string(64, 'a')).has_value());
  for (const std::string_view good : {"parent/http", "enclave/worker-1", "egress/10.0.0.1:80"}) {
    EXPECT_EQ(to_string(parse_target(good).value()), good);
  }
}

TEST(Source, IsOnePrintableWord) {
  EXPECT_TRUE(parse_source("parent/[fe80::1]:80").has_value());
  for (const std::string_view bad :
       {"", "worker", "enclave/a b", "enclave/\n", "enclave/\xc3\xa9"}) {
    EXPECT_FALSE(parse_source(bad).has_value()) << bad;
  }
  EXPECT_FALSE(parse_source("parent/" + std::string(249, 'x')).has_value());
}

TEST(Answer, HasANameForEachValue) {
  for (std::size_t i = 0; i < kAnswerCount; ++i) {
    EXPECT_NE(name_of(static_cast<Answer>(i)), "unknown");
  }
}

}  // namespace
}  // namespace concordat::peer
