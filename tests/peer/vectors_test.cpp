// The key schedule, messages and records against vectors that make_vectors.py computed from
// PROTOCOL.md with other libraries.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "attest/base/secret_access.hpp"
#include "peer/channel.hpp"
#include "peer/key_schedule.hpp"
#include "peer/messages.hpp"
#include "policy/signer_key.hpp"
#include "tests/support/vectors.hpp"

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using base::SecretAccess;

class Vectors : public testing::Test {
 protected:
  Vectors() {
    std::ifstream file(std::filesystem::path(CONCORDAT_SOURCE_DIR) /
                       "tests/peer/vectors/concordat1.json");
    file >> json_;
  }
  Bytes bytes(const char* name) const {
    return base::from_hex(json_.at(name).get<std::string>()).value();
  }
  template <class Fixed>
  Fixed fixed(const char* name) const {
    return Fixed::from(bytes(name)).value();
  }
  PolicyReference policy() const {
    return {json_.at("serial").get<std::uint64_t>(), fixed<base::Sha256Digest>("policy_digest")};
  }
  FinalKeys final_keys() const {
    Bytes z = bytes("z");
    return KeySchedule(base::SecretBytes::take(z)).finish(fixed<TranscriptHash>("t3"));
  }
  nlohmann::json json_;
};

// Gives out prepared bytes, as a test's "random" source.
class FixedRandom final : public base::RandomSource {
 public:
  explicit FixedRandom(Bytes bytes) : bytes_(std::move(bytes)) {}
  void fill(std::span<std::uint8_t> out) override {
    ASSERT_EQ(out.size(), bytes_.size());
    std::ranges::copy(bytes_, out.begin());
  }

 private:
  Bytes bytes_;
};

TEST_F(Vectors, KeyAgreement) {
  FixedRandom random_i(bytes("secret_i"));
  FixedRandom random_r(bytes("secret_r"));
  EphemeralKey i(random_i);
  EphemeralKey r(random_r);
  EXPECT_EQ(i.public_key(), fixed<PublicKey>("public_i"));
  EXPECT_EQ(EphemeralKey::subject_public_key_info(i.public_key()), bytes("spki_i"));
  const PublicKey public_i = i.public_key();
  const auto at_i = std::move(i).agree(r.public_key());
  const auto at_r = std::move(r).agree(public_i);
  EXPECT_TRUE(at_i.value() == at_r.value());
  EXPECT_TRUE(base::equal(at_i.value().expose(SecretAccess{}), bytes("z")));
}

TEST_F(Vectors, Messages) {
  const Hello hello{kProtocolVersion, fixed<PublicKey>("public_i"), fixed<Challenge>("n_i"),
                    json_.at("purpose"), policy()};
  EXPECT_EQ(make_frame(FrameType::hello, encode(hello)), bytes("hello_frame"));
  const ReplyFields fields{fixed<PublicKey>("public_r"), fixed<Challenge>("n_r"), policy()};
  EXPECT_EQ(encode(fields), bytes("reply_clear"));
  const Statement statement{fixed<TranscriptHash>("t1"),
                            "keys",
                            "custodian",
                            policy(),
                            {{"session-key", Bytes(32, 2)}, {"a", {}}, {"bb", {1}}}};
  EXPECT_EQ(encode_statement(statement), bytes("statement_items"));
  const Statement back = decode_statement(bytes("statement_items")).value();
  EXPECT_EQ(back.role, "custodian");
  EXPECT_EQ(back.extensions, statement.extensions);
}

TEST_F(Vectors, TranscriptAndBoxes) {
  const Bytes reply_frame = bytes("reply_frame");
  const Reply reply = decode_reply(BytesView(reply_frame).subspan(kFrameHeaderSize)).value();
  const auto t1 = transcript_1(bytes("hello_frame"), reply.clear);
  EXPECT_EQ(t1, fixed<TranscriptHash>("t1"));
  const auto t2 = transcript_2(t1, reply.box);
  EXPECT_EQ(t2, fixed<TranscriptHash>("t2"));
  const Bytes confirm = bytes("confirm_frame");
  const BytesView box_2 =
      decode_box(BytesView(confirm).subspan(kFrameHeaderSize), kMaxEvidenceBody).value();
  EXPECT_EQ(transcript_3(t2, box_2), fixed<TranscriptHash>("t3"));

  Bytes z = bytes("z");
  const KeySchedule keys(base::SecretBytes::take(z));
  const KeyAndNonce key_1 = keys.box_1(t1);
  Bytes plain(reply.box.size() - kAeadTagSize);
  ASSERT_TRUE(
      Aead(key_1.key, Aead::Direction::open).open(key_1.nonce.view(), {}, reply.box, plain));
  EXPECT_TRUE(base::equal(decode_responder_evidence(plain).value(), bytes("document_r")));
  const KeyAndNonce key_2 = keys.box_2(t2);
  plain.resize(box_2.size() - kAeadTagSize);
  ASSERT_TRUE(Aead(key_2.key, Aead::Direction::open).open(key_2.nonce.view(), {}, box_2, plain));
  EXPECT_TRUE(base::equal(std::get<BytesView>(decode_initiator_evidence(plain).value()),
                          bytes("document_i")));
}

TEST_F(Vectors, AnOperatorsProof) {
  Bytes seed = bytes("operator_seed");
  const auto signer = policy::SigningKey::from_seed(base::SecretBytes::take(seed)).value();
  ASSERT_EQ(signer.public_key(), fixed<policy::SignerKey>("operator_key"));
  const auto t2 = fixed<TranscriptHash>("t2");
  const OperatorProof proof{signer.public_key(),
                            signer.sign(operator_message(signer.public_key(), t2)).value()};
  EXPECT_EQ(proof.signature, fixed<policy::Signature>("operator_signature"));
  EXPECT_EQ(encode_initiator_evidence(proof), bytes("operator_evidence"));

  Bytes z = bytes("z");
  const KeyAndNonce key = KeySchedule(base::SecretBytes::take(z)).box_2(t2);
  const Bytes confirm = bytes("operator_confirm_frame");
  const BytesView box =
      decode_box(BytesView(confirm).subspan(kFrameHeaderSize), kMaxEvidenceBody).value();
  Bytes plain(box.size() - kAeadTagSize);
  ASSERT_TRUE(Aead(key.key, Aead::Direction::open).open(key.nonce.view(), {}, box, plain));
  EXPECT_EQ(std::get<OperatorProof>(decode_initiator_evidence(plain).value()).key, proof.key);
  EXPECT_EQ(transcript_3(t2, box), fixed<TranscriptHash>("operator_t3"));
}

TEST_F(Vectors, RecordsBothWays) {
  Sealer sealer(final_keys().initiator, {}, {});
  Bytes out;
  ASSERT_TRUE(sealer.seal(base::as_bytes("first"), {}, out));
  EXPECT_EQ(out, bytes("record_i_0"));
  out.clear();
  ASSERT_TRUE(sealer.seal(base::as_bytes("second"), {}, out));
  EXPECT_EQ(out, bytes("record_i_1"));
  out.clear();
  ASSERT_TRUE(sealer.close(out));
  EXPECT_EQ(out, bytes("close_i_2"));

  Opener opener(final_keys().responder, {}, {});
  const Bytes record = bytes("record_r_0");
  Bytes plain(kMaxRecordPlaintext);
  const std::size_t size = opener.open({FrameType::data, record}, {}, plain).value();
  EXPECT_EQ(base::as_text(BytesView(plain).first(size)), "answer");
}

TEST_F(Vectors, AcceptAndExporter) {
  const FinalKeys keys = final_keys();
  const Bytes frame = bytes("accept_frame");
  const BytesView box =
      decode_box(BytesView(frame).subspan(kFrameHeaderSize), kMaxAcceptBody).value();
  Bytes plain(box.size() - kAeadTagSize);
  ASSERT_TRUE(
      Aead(keys.accept.key, Aead::Direction::open).open(keys.accept.nonce.view(), {}, box, plain));
  EXPECT_EQ(decode_verdict(plain).value(), CoarseCode::admitted);
  EXPECT_TRUE(base::equal(keys.exporter.expose(SecretAccess{}), bytes("exporter")));
  const auto exported = export_secret(keys.exporter, "test", base::as_bytes("context"), 40);
  EXPECT_TRUE(base::equal(exported.expose(SecretAccess{}), bytes("export_test")));
}

}  // namespace
}  // namespace concordat::peer
