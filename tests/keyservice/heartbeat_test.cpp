// Signs of life as bytes: what each says, and nothing else is one.
#include "keyservice/heartbeat.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::cbor::Writer;

// [0, "beat", and then] `items` of all.
Writer beginning(std::size_t items) {
  Writer out;
  out.array(items).uint(0).text("beat");
  return out;
}
Bytes sign(const std::string& code) {
  Writer out = beginning(3);
  out.text(code);
  return std::move(out).take();
}

TEST(Heartbeat, IsReadAsItWasWritten) {
  for (const SignOfLife& sign :
       {SignOfLife{}, SignOfLife{"root_missing"}, SignOfLife{std::string(kMaxErrorCode, 'a')}}) {
    EXPECT_EQ(decode_sign_of_life(encode(sign)).value(), sign);
  }
}

TEST(Heartbeat, WhatServesSaysWhatItIsAsked) {
  EXPECT_TRUE(is_heartbeat(encode(SignOfLife{})));
  EXPECT_FALSE(is_heartbeat(encode(SignOfLife{"root_missing"})));
  EXPECT_TRUE(decode_sign_of_life(heartbeat()).value()->serves());
}

TEST(Heartbeat, OfNoOtherShape) {
  Writer number = beginning(3);
  number.uint(1);
  Bytes longer = base::to_bytes(heartbeat());
  longer.push_back(0);
  for (const Bytes& record :
       {longer, sign(""), sign("two words"), sign("line\n"),
        sign(std::string(kMaxErrorCode + 1, 'a')), std::move(number).take()}) {
    const auto read = decode_sign_of_life(record);
    ASSERT_FALSE(read);
    EXPECT_TRUE(read.error().is(Errc::malformed_response));
  }
  const Bytes whole = sign("root_missing");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto cut = decode_sign_of_life(base::BytesView(whole).first(size));
    EXPECT_TRUE(!cut || !*cut) << size;
  }
}

TEST(Heartbeat, IsNoAnswer) {
  const auto answer = encode(1, ResponseBody(Failure{"not_ready", ""}));
  EXPECT_FALSE(decode_sign_of_life(answer.expose(base::SecretAccess{})).value());
}

}  // namespace
}  // namespace concordat::keyservice
