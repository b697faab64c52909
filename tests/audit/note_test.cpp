// Notes and checkpoints: those that others signed verify, and one spelling of each is taken.
#include "keyservice/audit/checkpoint.hpp"

#include <gtest/gtest.h>

#include "policy/signer_key.hpp"

namespace concordat::keyservice::audit {
namespace {

// The example of Go's golang.org/x/mod/sumdb/note.
constexpr const char* kGoKey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr const char* kGoNote =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
// A checkpoint of Go's checksum database, which has run since 2019.
constexpr const char* kSumdbKey =
    "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
constexpr const char* kSumdbCheckpoint =
    "go.sum database tree\n"
    "20852163\n"
    "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    "\n"
    "— sum.golang.org "
    "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/"
    "Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";

base::BytesView bytes_of(const std::string& text) {
  return base::as_bytes(text);
}

TEST(Note, OfGosChecksumDatabase) {
  const auto verifier = NoteVerifier::parse(kSumdbKey).value();
  const std::string text = kSumdbCheckpoint;
  const auto head = SignedCheckpoint::parse(bytes_of(text)).value();
  EXPECT_TRUE(head.note.verify(verifier));
  EXPECT_EQ(head.checkpoint.origin, "go.sum database tree");
  EXPECT_EQ(head.checkpoint.size, 20852163U);
  EXPECT_EQ(base::to_base64(head.checkpoint.root.view()),
            "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=");
  EXPECT_EQ(base::as_text(head.note.encode()), text);
  EXPECT_EQ(verifier.encode(), kSumdbKey);
}

TEST(Note, OfGosDocumentation) {
  const auto verifier = NoteVerifier::parse(kGoKey).value();
  const std::string text = kGoNote;
  const Note note = Note::parse(bytes_of(text)).value();
  EXPECT_TRUE(note.verify(verifier));
  EXPECT_EQ(note.signatures.at(0).line, 4U);
  EXPECT_EQ(base::as_text(note.encode()), text);
  EXPECT_TRUE(note.verify(NoteVerifier::parse(kSumdbKey).value()).error().is(Errc::unknown_key));
}

TEST(Note, NoByteOfItCanChangeUnseen) {
  const auto verifier = NoteVerifier::parse(kSumdbKey).value();
  const std::string good = kSumdbCheckpoint;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const int bit : {0x01, 0x20, 0x80}) {
      std::string bad = good;
      bad[at] = static_cast<char>(bad[at] ^ bit);
      const auto note = Note::parse(bytes_of(bad));
      EXPECT_FALSE(note && note->verify(verifier)) << "byte " << at << ": " << bad;
    }
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(Note::parse(bytes_of(good.substr(0, size)))) << size;
}

TEST(Note, HasOneSpelling) {
  const std::string good = kGoNote;
  const auto refuse = [](const std::string& text, std::string_view why) {
    const auto note = Note::parse(bytes_of(text));
    ASSERT_FALSE(note) << text;
    EXPECT_TRUE(note.error().is(Errc::malformed_note));
    EXPECT_NE(note.error().to_string().find(why), std::string::npos) << note.error().to_string();
  };
  refuse("", "no text");
  refuse("text\n", "no text");
  refuse("\n\n", "no text");
  refuse("text\n\n", "no signature");
  refuse("text\n\nno dash\n", "line 3: a signature begins");
  refuse("text\n\n— name\n", "line 3: no signature");
  refuse("text\n\n—  AAAAAAA=\n", "line 3: no name");
  refuse("text\n\n— a+b AAAAAAA=\n", "line 3: no name");
  refuse("text\n\n— name AAAA\n", "line 3: no base64");
  refuse("text\n\n— name AAAAAA==\n", "line 3: no base64");  // a key id and nothing signed
  refuse("text\n\n— name AAAAAAB=\n", "line 3: no base64");  // bits that mean nothing
  refuse("text\n\n— name AAAA AAA=\n", "line 3: no base64");
  refuse(good.substr(0, good.size() - 1), "no line feed");
  refuse("tab\t\n\n— name AAAAAAA=\n", "byte 3");
  refuse("\xff\n\n— name AAAAAAA=\n", "byte 0");
  refuse("\xc0\xaf\n\n— name AAAAAAA=\n", "byte 0");
  refuse("\xed\xa0\x80\n\n— name AAAAAAA=\n", "byte 0");
  std::string many = "text\n\n";
  for (std::size_t i = 0; i <= kMaxNoteSignatures; ++i)
    many += "— name AAAAAAA=\n";
  refuse(many, "more than 64");
  refuse(std::string(kMaxNote, 'a') + "\n\n— name AAAAAAA=\n", "allowed");
}

TEST(Note, TextMayHoldEmptyLines) {
  Note note{"first\n\nsecond\n", {}};
  const auto key = policy::SigningKey::generate();
  ASSERT_TRUE(note.sign("log.example/1", key));
  const Note again = Note::parse(note.encode()).value();
  EXPECT_EQ(again.text, note.text);
  EXPECT_TRUE(again.verify(
      NoteVerifier::create("log.example/1", NoteKeyType::ed25519, key.public_key()).value()));
}

TEST(Note, EverySignatureOfAKnownKeyMustBeGood) {
  const auto key = policy::SigningKey::generate();
  const auto verifier = NoteVerifier::create("log", NoteKeyType::ed25519, key.public_key()).value();
  Note note{"text\n", {}};
  ASSERT_TRUE(note.sign("log", key));
  ASSERT_TRUE(note.sign("log", key));
  EXPECT_TRUE(note.verify(verifier));
  note.signatures[1].signature[0] ^= 1;
  EXPECT_TRUE(note.verify(verifier).error().is(Errc::signature_invalid));
  // Under another name, or as another type of key, it is another key.
  EXPECT_TRUE(
      note.verify(NoteVerifier::create("gol", NoteKeyType::ed25519, key.public_key()).value())
          .error()
          .is(Errc::unknown_key));
  EXPECT_TRUE(
      note.verify(NoteVerifier::create("log", NoteKeyType::cosignature, key.public_key()).value())
          .error()
          .is(Errc::unknown_key));
}

TEST(NoteVerifier, HasOneSpelling) {
  const std::string good = kGoKey;
  EXPECT_EQ(NoteVerifier::parse(good).value().name(), "PeterNeumann");
  for (std::size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    EXPECT_FALSE(NoteVerifier::parse(bad)) << bad;
    EXPECT_FALSE(NoteVerifier::parse(good.substr(0, at)));
  }
  // Bytes that satisfy every signature.
  EXPECT_FALSE(NoteVerifier::create("log", NoteKeyType::ed25519, {}));
  for (const char* name : {"", "a b", "a+b", "a\xe2\x80\x83z", "a\nb", "\xff"})
    EXPECT_FALSE(
        NoteVerifier::create(name, NoteKeyType::ed25519, NoteVerifier::parse(good).value().key()))
        << name;
}

TEST(NoteVerifier, OfAWitness) {
  // A witness of the public network, by the key that its operator publishes.
  constexpr const char* kRemora =
      "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2";
  const auto witness = NoteVerifier::parse(kRemora).value();
  EXPECT_EQ(witness.type(), NoteKeyType::cosignature);
  EXPECT_EQ(witness.key_id(), 0xda77ade7U);
}

TEST(Checkpoint, HasOneSpelling) {
  const std::string root = base::to_base64(base::Bytes(32, 9));
  const auto parsed = Checkpoint::parse("origin\n7\n" + root + "\n").value();
  EXPECT_EQ(parsed.encode(), "origin\n7\n" + root + "\n");
  const auto line = [](const std::string& text) {
    const auto checkpoint = Checkpoint::parse(text);
    EXPECT_TRUE(checkpoint.error().is(Errc::malformed_checkpoint)) << text;
    return checkpoint.error().detail().substr(0, 6);
  };
  EXPECT_EQ(line(""), "line 1");
  EXPECT_EQ(line("\n7\n" + root + "\n"), "line 1");
  for (const char* size : {"", "07", "+7", "-7", "7 ", "7a", "9223372036854775808", "0x7"})
    EXPECT_EQ(line("origin\n" + std::string(size) + "\n" + root + "\n"), "line 2") << size;
  EXPECT_EQ(line("origin\n7\n" + root), "line 3");
  EXPECT_EQ(line("origin\n7\n" + root.substr(4) + "\n"), "line 3");
  EXPECT_EQ(line("origin\n7\n" + root.substr(0, 42) + "m=\n"), "line 3")
      << "bits that mean nothing";
  EXPECT_EQ(line("origin\n7\n" + root + "\nextension\n"), "line 4");
}

TEST(Checkpoint, IsSignedByBothOfItsKeys) {
  const auto boot = policy::SigningKey::generate();
  const auto log = policy::SigningKey::generate();
  const Checkpoint head{"lab.example/audit/a", 5, Hash()};
  const auto bytes = sign_checkpoint(head, {&boot, &log}).value();
  const auto read = SignedCheckpoint::parse(bytes).value();
  EXPECT_EQ(read.checkpoint, head);
  for (const auto* key : {&boot, &log}) {
    EXPECT_TRUE(read.note.verify(
        NoteVerifier::create(head.origin, NoteKeyType::ed25519, key->public_key()).value()));
  }
}

TEST(Cosignature, StatesWhenTheWitnessSawIt) {
  const auto log = policy::SigningKey::generate();
  const auto witness = policy::SigningKey::generate();
  const auto bytes = sign_checkpoint({"log.example", 5, Hash()}, {&log}).value();
  Note note = Note::parse(bytes).value();
  ASSERT_TRUE(cosign(note, "witness.example/w1", witness, {1'679'315'147'999}));
  const auto verifier =
      NoteVerifier::create("witness.example/w1", NoteKeyType::cosignature, witness.public_key())
          .value();
  const Note again = Note::parse(note.encode()).value();
  EXPECT_EQ(verify_cosignature(again, verifier).value().value, 1'679'315'147'000);
  for (std::size_t at = 0; at < 72; ++at) {
    Note bad = again;
    bad.signatures[1].signature[at] ^= 1;
    EXPECT_TRUE(verify_cosignature(bad, verifier).error().is(Errc::signature_invalid)) << at;
  }
  Note cut = again;
  cut.signatures[1].signature.resize(7);
  EXPECT_TRUE(verify_cosignature(cut, verifier).error().is(Errc::signature_invalid));
  Note other = again;
  other.text = "log.example\n6\n" + base::to_base64(Hash().view()) + "\n";
  EXPECT_TRUE(verify_cosignature(other, verifier).error().is(Errc::signature_invalid));
}

}  // namespace
}  // namespace concordat::keyservice::audit
