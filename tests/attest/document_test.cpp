// What the parser lets through, and one case for each of its refusals. Nothing here is signed: the
// parser does not look.
#include "attest/document.hpp"

#include <gtest/gtest.h>

#include "attest/base/cbor.hpp"

namespace concordat::attest {
namespace {

using base::Bytes;
using base::BytesView;
using base::cbor::Writer;

Bytes encoded(const std::function<void(Writer&)>& write) {
  Writer writer;
  write(writer);
  return std::move(writer).take();
}

Bytes null() {
  return {0xf6};
}
Bytes byte_string(std::size_t size) {
  return encoded([size](Writer& w) { w.bytes(Bytes(size, 0xab)); });
}
Bytes text(std::string_view value) {
  return encoded([value](Writer& w) { w.text(value); });
}

using Entries = std::vector<std::pair<std::string, Bytes>>;

Bytes one_pcr(std::uint64_t index, std::size_t size) {
  return encoded([=](Writer& w) { w.map(1).uint(index).bytes(Bytes(size, 1)); });
}

Entries good_entries() {
  return {{"module_id", text("i-1-enc1")},
          {"digest", text("SHA384")},
          {"timestamp", encoded([](Writer& w) { w.uint(1'768'478'400'000); })},
          {"pcrs", one_pcr(0, 48)},
          {"certificate", byte_string(600)},
          {"cabundle", encoded([](Writer& w) { w.array(1).bytes(Bytes(500, 1)); })},
          {"public_key", null()},
          {"user_data", null()},
          {"nonce", null()}};
}

Entries with(std::string_view key, Bytes value) {
  Entries entries = good_entries();
  for (auto& entry : entries) {
    if (entry.first == key) entry.second = std::move(value);
  }
  return entries;
}
Entries without(std::string_view key) {
  Entries entries = good_entries();
  std::erase_if(entries, [key](const auto& entry) { return entry.first == key; });
  return entries;
}
Entries plus(std::string key, Bytes value) {
  Entries entries = good_entries();
  entries.emplace_back(std::move(key), std::move(value));
  return entries;
}

Bytes payload(const Entries& entries, bool indefinite = false) {
  Writer writer;
  if (indefinite) {
    writer.raw(Bytes{0xbf});
  } else {
    writer.map(entries.size());
  }
  for (const auto& [key, value] : entries)
    writer.text(key).raw(value);
  if (indefinite) writer.raw(Bytes{0xff});
  return std::move(writer).take();
}

struct Cose {
  Bytes start{0x84};
  Bytes header = base::from_hex("44a1013822").value();
  Bytes unprotected{0xa0};
  Bytes payload = encoded([](Writer& w) { w.bytes(attest::payload(good_entries())); });
  Bytes signature = byte_string(96);
  Bytes end;

  [[nodiscard]] Bytes bytes() const {
    Bytes out;
    for (const Bytes* part : {&start, &header, &unprotected, &payload, &signature, &end}) {
      base::append(out, *part);
    }
    return out;
  }
};

Bytes document(const Entries& entries, bool indefinite = false) {
  Cose cose;
  cose.payload = encoded([&](Writer& w) { w.bytes(payload(entries, indefinite)); });
  return cose.bytes();
}

std::string code_of(BytesView bytes) {
  const auto parsed = UnverifiedDocument::parse(bytes);
  return parsed ? "accepted" : std::string(parsed.error().name());
}

std::string code_of_entries(const Entries& entries) {
  return code_of(document(entries));
}

template <class T>
std::string code_with(T Cose::*part, Bytes value) {
  Cose cose;
  cose.*part = std::move(value);
  return code_of(cose.bytes());
}

TEST(Document, BothMapFormsAndTheTagOrNone) {
  EXPECT_EQ(code_of(document(good_entries(), false)), "accepted");
  EXPECT_EQ(code_of(document(good_entries(), true)), "accepted");
  EXPECT_EQ(code_with(&Cose::start, {0xd2, 0x84}), "accepted");
}

TEST(Document, FieldsComeOutAsWritten) {
  Entries entries = with("nonce", byte_string(0));
  const auto parsed = UnverifiedDocument::parse(document(entries));
  ASSERT_TRUE(parsed);
  const DocumentFields& fields = parsed->unverified();
  EXPECT_EQ(fields.module_id, "i-1-enc1");
  EXPECT_EQ(fields.timestamp.value, 1'768'478'400'000);
  EXPECT_EQ(fields.pcrs.size(), 1u);
  EXPECT_EQ(fields.certificate.size(), 600u);
  EXPECT_EQ(fields.cabundle.size(), 1u);
  EXPECT_EQ(fields.public_key, std::nullopt);
  EXPECT_EQ(fields.nonce, Bytes{});  // empty, which is not absent
  EXPECT_TRUE(base::equal(parsed->payload(), payload(entries)));
  EXPECT_TRUE(base::equal(parsed->signature(), Bytes(96, 0xab)));
}

TEST(Document, AnyOrderOfKeys) {
  Entries entries = good_entries();
  std::ranges::reverse(entries);
  EXPECT_EQ(code_of_entries(entries), "accepted");
}

TEST(Document, EnvelopeIsExactlyACoseSign1) {
  EXPECT_EQ(code_of({}), "truncated");
  EXPECT_EQ(code_of(Bytes(kMaxDocumentBytes + 1, 0)), "document_too_large");
  EXPECT_EQ(code_with(&Cose::start, {0xff}), "not_cose_sign1");
  EXPECT_EQ(code_with(&Cose::start, {0x1c}), "malformed_cbor");
  EXPECT_EQ(code_with(&Cose::start, {0xd1, 0x84}), "not_cose_sign1");                // tag 17
  EXPECT_EQ(code_with(&Cose::start, {0xd8, 0x12, 0x84}), "not_preferred_encoding");  // 18, long
  EXPECT_EQ(code_with(&Cose::start, {0xd2, 0xd2, 0x84}), "not_cose_sign1");
  EXPECT_EQ(code_with(&Cose::start, {0x83}), "not_cose_sign1");
  EXPECT_EQ(code_with(&Cose::start, {0x85}), "not_cose_sign1");
  EXPECT_EQ(code_with(&Cose::start, {0x9f}), "not_cose_sign1");  // indefinite
  EXPECT_EQ(code_with(&Cose::start, {0x98, 0x04}), "not_preferred_encoding");
  EXPECT_EQ(code_with(&Cose::header, base::from_hex("43a10126").value()), "algorithm_not_es384");
  EXPECT_EQ(code_with(&Cose::header, base::from_hex("41a0").value()), "algorithm_not_es384");
  EXPECT_EQ(code_with(&Cose::header, {0xa0}), "wrong_type");
  EXPECT_EQ(code_with(&Cose::unprotected, base::from_hex("a10126").value()),
            "unprotected_header_not_empty");
  EXPECT_EQ(code_with(&Cose::unprotected, base::from_hex("bfff").value()),
            "not_preferred_encoding");
  EXPECT_EQ(code_with(&Cose::payload, payload(good_entries())), "wrong_type");
  EXPECT_EQ(code_with(&Cose::signature, byte_string(95)), "signature_length");
  EXPECT_EQ(code_with(&Cose::signature, byte_string(104)), "signature_length");
  EXPECT_EQ(code_with(&Cose::end, {0x00}), "trailing_bytes");
}

TEST(Document, PayloadLengthInItsShortestForm) {
  const Bytes inner = payload(good_entries());
  Bytes long_head{0x5a, 0, 0, static_cast<std::uint8_t>(inner.size() >> 8),
                  static_cast<std::uint8_t>(inner.size())};
  base::append(long_head, inner);
  EXPECT_EQ(code_with(&Cose::payload, long_head), "not_preferred_encoding");
  Bytes chunks{0x5f};
  base::append(chunks, Cose().payload);
  chunks.push_back(0xff);
  EXPECT_EQ(code_with(&Cose::payload, chunks), "not_preferred_encoding");
}

TEST(Document, SixKeysAreMandatoryAndThreeMayBeAbsentOrNull) {
  for (const auto& [key, value] : good_entries()) {
    const bool optional = key == "public_key" || key == "user_data" || key == "nonce";
    const char* without_it = optional ? "accepted" : "missing_field";
    EXPECT_EQ(code_of_entries(without(key)), without_it) << key;
    EXPECT_EQ(code_of_entries(with(key, null())), without_it) << key;
    EXPECT_EQ(code_of_entries(with(key, Bytes{0xf5})), "wrong_type") << key;
    EXPECT_EQ(code_of_entries(plus(key, value)), "duplicate_key") << key;
  }
}

TEST(Document, AbsentAndNullReadAlike) {
  Entries entries = good_entries();
  entries.resize(6);
  for (const bool indefinite : {false, true}) {
    const auto parsed = UnverifiedDocument::parse(document(entries, indefinite));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->unverified().public_key, std::nullopt);
    EXPECT_EQ(parsed->unverified().user_data, std::nullopt);
    EXPECT_EQ(parsed->unverified().nonce, std::nullopt);
  }
}

TEST(Document, NoOtherKeys) {
  EXPECT_EQ(code_of_entries(plus("extra", null())), "unknown_key");
  EXPECT_EQ(code_of_entries(plus("", null())), "unknown_key");
  EXPECT_EQ(code_of_entries(plus(std::string(33, 'k'), null())), "unknown_key");
  Entries many;
  for (int i = 0; i < 40; ++i)
    many.emplace_back("k" + std::to_string(i), null());
  EXPECT_EQ(code_of_entries(many), "unknown_key");
}

TEST(Document, NitroTpmHasACodeOfItsOwn) {
  Entries entries = without("pcrs");
  entries.emplace(entries.begin() + 3, "nitrotpm_pcrs", one_pcr(0, 48));
  EXPECT_EQ(code_of_entries(entries), "nitrotpm_document");
  // By its module too, should its registers ever come under an enclave's key.
  for (const char* id : {"i-030a1f233f8348690-tpm0000000000000000", "i-1-tpm"}) {
    EXPECT_EQ(code_of_entries(with("module_id", text(id))), "nitrotpm_document") << id;
  }
  for (const char* id : {"i-030a1f233f8348690-enc0178035644155aaa", "i-tpm0-enc1", "tpm"}) {
    EXPECT_EQ(code_of_entries(with("module_id", text(id))), "accepted") << id;
  }
}

TEST(Document, BoundsOfEachField) {
  EXPECT_EQ(code_of_entries(with("module_id", text(""))), "bad_module_id");
  EXPECT_EQ(code_of_entries(with("module_id", text(std::string(256, 'x')))), "accepted");
  EXPECT_EQ(code_of_entries(with("module_id", text(std::string(257, 'x')))), "bad_module_id");
  EXPECT_EQ(code_of_entries(with("module_id", Bytes{0x61, 0xff})), "malformed_cbor");
  EXPECT_EQ(code_of_entries(with("digest", text("SHA256"))), "digest_not_sha384");
  EXPECT_EQ(code_of_entries(with("digest", text("SHA384 "))), "digest_not_sha384");
  for (const char* field : {"public_key", "user_data", "nonce"}) {
    EXPECT_EQ(code_of_entries(with(field, byte_string(1024))), "accepted");
    EXPECT_EQ(code_of_entries(with(field, byte_string(1025))), "field_too_long");
    EXPECT_EQ(code_of_entries(with(field, text("x"))), "wrong_type");
  }
  EXPECT_EQ(code_of_entries(with("certificate", byte_string(0))), "bad_certificate_length");
  EXPECT_EQ(code_of_entries(with("certificate", byte_string(1024))), "accepted");
  EXPECT_EQ(code_of_entries(with("certificate", byte_string(1025))), "bad_certificate_length");
}

std::string code_of_timestamp(std::uint64_t value) {
  return code_of_entries(with("timestamp", encoded([=](Writer& w) { w.uint(value); })));
}

TEST(Document, TimestampsThatCannotOverflow) {
  EXPECT_EQ(code_of_timestamp(0), "bad_timestamp");
  EXPECT_EQ(code_of_timestamp(1), "accepted");
  EXPECT_EQ(code_of_timestamp(253'402'300'799'999), "accepted");
  EXPECT_EQ(code_of_timestamp(253'402'300'800'000), "bad_timestamp");
  EXPECT_EQ(code_of_timestamp(UINT64_MAX), "bad_timestamp");
  EXPECT_EQ(code_of_entries(with("timestamp", Bytes{0x20})), "wrong_type");  // -1
}

Bytes pcrs(std::uint64_t count, std::uint64_t claimed) {
  return encoded([=](Writer& w) {
    w.map(claimed);
    for (std::uint64_t i = 0; i < count; ++i)
      w.uint(i).bytes(Bytes(48, 1));
  });
}

TEST(Document, Pcrs) {
  EXPECT_EQ(code_of_entries(with("pcrs", pcrs(0, 0))), "bad_pcr_count");
  EXPECT_EQ(code_of_entries(with("pcrs", pcrs(32, 32))), "accepted");
  EXPECT_EQ(code_of_entries(with("pcrs", pcrs(33, 33))), "bad_pcr_count");
  EXPECT_EQ(code_of_entries(with("pcrs", one_pcr(31, 48))), "accepted");
  EXPECT_EQ(code_of_entries(with("pcrs", one_pcr(32, 48))), "bad_pcr_index");
  for (const std::size_t size : {0u, 32u, 47u, 49u, 64u, 2000u}) {
    EXPECT_EQ(code_of_entries(with("pcrs", one_pcr(0, size))), "bad_pcr_length") << size;
  }
  const Bytes twice =
      encoded([](Writer& w) { w.map(2).uint(3).bytes(Bytes(48, 1)).uint(3).bytes(Bytes(48, 2)); });
  EXPECT_EQ(code_of_entries(with("pcrs", twice)), "duplicate_key");
}

Bytes bundle(std::size_t count, std::size_t size) {
  return encoded([=](Writer& w) {
    w.array(count);
    for (std::size_t i = 0; i < count; ++i)
      w.bytes(Bytes(size, 1));
  });
}

TEST(Document, Cabundle) {
  EXPECT_EQ(code_of_entries(with("cabundle", bundle(0, 0))), "bad_cabundle_count");
  EXPECT_EQ(code_of_entries(with("cabundle", bundle(8, 1024))), "accepted");
  EXPECT_EQ(code_of_entries(with("cabundle", bundle(9, 1))), "bad_cabundle_count");
  EXPECT_EQ(code_of_entries(with("cabundle", bundle(1, 0))), "bad_certificate_length");
  EXPECT_EQ(code_of_entries(with("cabundle", bundle(1, 1025))), "bad_certificate_length");
}

// The items of an array or map whose length its head does not say.
Bytes indefinite(BytesView head_and_items, std::uint8_t start) {
  Bytes out{start};
  base::append(out, head_and_items.subspan(1));
  out.push_back(0xff);
  return out;
}

TEST(Document, MapsAndArraysOfIndefiniteLengthKeepTheirBounds) {
  const auto code_of_pcrs = [](std::uint64_t count) {
    // A head of one byte whatever the count: `indefinite` takes it off.
    Bytes items = pcrs(count, 0);
    return code_of_entries(with("pcrs", indefinite(items, 0xbf)));
  };
  EXPECT_EQ(code_of_pcrs(0), "bad_pcr_count");
  EXPECT_EQ(code_of_pcrs(32), "accepted");
  EXPECT_EQ(code_of_pcrs(33), "bad_pcr_count");
  const auto code_of_bundle = [](std::size_t count) {
    return code_of_entries(with("cabundle", indefinite(bundle(count, 500), 0x9f)));
  };
  EXPECT_EQ(code_of_bundle(0), "bad_cabundle_count");
  EXPECT_EQ(code_of_bundle(1), "accepted");
  EXPECT_EQ(code_of_bundle(8), "accepted");
  EXPECT_EQ(code_of_bundle(9), "bad_cabundle_count");
  EXPECT_EQ(code_of_entries(with("cabundle", indefinite(bundle(1, 0), 0x9f))),
            "bad_certificate_length");
  EXPECT_EQ(code_of_entries(with("cabundle", Bytes{0x9f, 0xf6, 0xff})), "wrong_type");
  EXPECT_EQ(code_of_entries(with("cabundle", Bytes{0x9f})), "wrong_type");  // goes on into a key
}

TEST(Document, StringsAreNeverInChunks) {
  const auto in_chunks = [](BytesView item, std::uint8_t start) {
    Bytes out{start};
    base::append(out, item);
    out.push_back(0xff);
    return out;
  };
  EXPECT_EQ(code_of_entries(with("module_id", in_chunks(text("i-1"), 0x7f))),
            "not_preferred_encoding");
  EXPECT_EQ(code_of_entries(with("digest", in_chunks(text("SHA384"), 0x7f))),
            "not_preferred_encoding");
  for (const char* field : {"certificate", "public_key", "user_data", "nonce"}) {
    EXPECT_EQ(code_of_entries(with(field, in_chunks(byte_string(9), 0x5f))),
              "not_preferred_encoding")
        << field;
  }
  Bytes in_bundle{0x81};
  base::append(in_bundle, in_chunks(byte_string(9), 0x5f));
  EXPECT_EQ(code_of_entries(with("cabundle", in_bundle)), "not_preferred_encoding");
}

TEST(Document, HugeClaimsAreRefusedWithoutBeingBelieved) {
  for (const char* claim :
       {"9b7fffffffffffffff", "bb7fffffffffffffff", "5b7fffffffffffffff", "7b7fffffffffffffff"}) {
    const Bytes value = base::from_hex(claim).value();
    EXPECT_NE(code_of(value), "accepted");
    for (const auto& [key, good] : good_entries()) {
      EXPECT_NE(code_of_entries(with(key, value)), "accepted") << key << " " << claim;
    }
  }
  EXPECT_EQ(code_of(Bytes(5000, 0x81)), "not_cose_sign1");
}

TEST(Document, EveryPrefixIsRefused) {
  const Bytes good = document(good_entries(), true);
  for (std::size_t n = 0; n < good.size(); ++n) {
    EXPECT_EQ(code_of(BytesView(good).first(n)), "truncated") << n;
  }
  const Bytes inner = payload(good_entries(), true);
  for (std::size_t n = 0; n < inner.size(); ++n) {
    Cose cose;
    cose.payload = encoded([&](Writer& w) { w.bytes(BytesView(inner).first(n)); });
    EXPECT_EQ(code_of(cose.bytes()), "truncated") << n;
  }
}

TEST(Document, BytesAfterThePayloadMap) {
  Bytes inner = payload(good_entries());
  inner.push_back(0xf6);
  EXPECT_EQ(code_with(&Cose::payload, encoded([&](Writer& w) { w.bytes(inner); })),
            "trailing_bytes");
}

}  // namespace
}  // namespace concordat::attest
