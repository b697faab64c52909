// A custodian whose memory runs out at every single allocation of everything that it is asked, once
// and for as long as that lasts: whoever asked is told so, or loses the channel, or is answered
// rightly; nothing that was acknowledged is lost, and what comes next is served.
#include <set>

#include "keyservice/admin_keys.hpp"
#include "keyservice/limits.hpp"
#include "tests/keyservice/shortage_fixture.hpp"

namespace concordat::keyservice {
namespace {

using shortage::Lasting;
using shortage::Of;

TEST_F(ShortageTest, WithoutOne) {
  ASSERT_TRUE(ask(GetRequest{"payments/a", 0}));
  ASSERT_TRUE(administer(StatusRequest{}));
}

TEST_P(CustodianInShortage, Handshakes) {
  sweep(
      "handshake",
      [&](unsigned) {
        if (workers_line_) workers_line_->stream->abort(base::Error(Errc::not_ready));
        workers_line_ = dial(false);
        run_until([&] { return workers_line_->established || workers_line_->ended; });
      },
      [&](unsigned) {
        // What was established may have ended since, for the custodian lacked memory to say so.
        if (const auto given = ask(GetRequest{"payments/a", 0})) return;
        ASSERT_TRUE(workers_line_->ended);
        ASSERT_TRUE(ask(GetRequest{"payments/a", 0}));
      });
}

// OpenSSL does not always say why it failed.
bool is_of_shortage(const std::string& code) {
  return code == "out_of_memory" || code == "openssl_failed";
}

struct Asked {
  const char* name;
  std::function<RequestBody(unsigned n)> request;
  std::function<bool(const ResponseBody&)> is_right;
};

SecretBytes secret(std::string_view text) {
  Bytes bytes = base::to_bytes(base::as_bytes(text));
  return SecretBytes::take(bytes);
}

template <class Body>
Body given(std::optional<ResponseBody> body) {
  return std::get<Body>(std::move(body.value()));
}

// Every operation of a worker with what is right about its answer, learnt while there is memory.
class EveryOperation : public CustodianInShortage {
 protected:
  void SetUp() override {
    const auto create = [this](const char* name, KeyType type, bool exportable) {
      return administer(CreateKeyRequest{name, type, exportable})->kind;
    };
    ASSERT_EQ(create("payments/nist", KeyType::p256, false), AdminReplyKind::last);
    ASSERT_EQ(create("payments/agree", KeyType::x25519, false), AdminReplyKind::last);
    ASSERT_EQ(create("payments/exportable", KeyType::aes256, true), AdminReplyKind::last);
  }
  Bytes made(const RequestBody& request) { return given<MadeEnvelope>(ask(request)).envelope; }
  SecretBytes opened(const RequestBody& request) {
    return std::move(given<GivenBytes>(ask(request)).bytes);
  }
  std::vector<Asked> all() {
    const std::string key = "payments/a";
    const Bytes message{1, 2, 3}, other{4}, associated{7};
    const Bytes signature = made(SignRequest{key, message});
    const Bytes nist = made(SignRequest{"payments/nist", message});
    const Bytes tag = made(MacRequest{key, message});
    const Bytes sealed = made(EncryptRequest{key, associated, secret("plain")});
    const Bytes wrapped = made(WrapRequest{key, secret("bytes")});
    const auto released =
        std::make_shared<SecretBytes>(std::move(given<ReleasedKey>(ask(GetRequest{key, 0})).key));
    const auto derived =
        std::make_shared<SecretBytes>(opened(DeriveRequest{key, 0, 16, {}, std::nullopt}));
    const Bytes half = given<GivenPublicKey>(ask(PublicRequest{"payments/agree", 0})).raw;
    const PeerPublicKey peer = PeerPublicKey::from(half).value();
    const auto agreed =
        std::make_shared<SecretBytes>(opened(DeriveRequest{"payments/agree", 0, 16, {}, peer}));

    const auto same_envelope = [](Bytes expected) {
      return [expected](const ResponseBody& body) {
        const auto* made = std::get_if<MadeEnvelope>(&body);
        return made != nullptr && made->envelope == expected;
      };
    };
    const auto same_bytes = [](std::shared_ptr<SecretBytes> expected) {
      return [expected](const ResponseBody& body) {
        const auto* got = std::get_if<GivenBytes>(&body);
        return got != nullptr && got->bytes == *expected;
      };
    };
    const auto verified = [](const ResponseBody& body) {
      return std::holds_alternative<Verified>(body);
    };
    const auto refused = [](const ResponseBody& body) {
      const auto* failure = std::get_if<Failure>(&body);
      return failure != nullptr && failure->code == "authentication_failed";
    };
    const auto opens_as = [this](auto request, std::string_view text) {
      return [this, request, text](const ResponseBody& body) {
        const auto* made = std::get_if<MadeEnvelope>(&body);
        return made != nullptr && opened(request(made->envelope)) == secret(text);
      };
    };
    const auto plain = std::make_shared<SecretBytes>(secret("plain"));
    const auto bytes = std::make_shared<SecretBytes>(secret("bytes"));

    std::vector<Asked> out;
    out.push_back({"get",
                   [=](unsigned) {
                     return GetRequest{key, 0};
                   },
                   [=](const ResponseBody& body) {
                     const auto* got = std::get_if<ReleasedKey>(&body);
                     return got != nullptr && got->key == *released;
                   }});
    out.push_back({"sign",
                   [=](unsigned) {
                     return SignRequest{key, message};
                   },
                   same_envelope(signature)});
    // A key each, so that the custodian makes it ready each time.
    out.push_back({"sign_first",
                   [=](unsigned n) {
                     return SignRequest{"payments/" + std::to_string(n), message};
                   },
                   [](const ResponseBody& body) { return body.index() == 1; }});
    out.push_back(
        {"sign_nist",
         [=](unsigned) {
           return SignRequest{"payments/nist", message};
         },
         [=, this](const ResponseBody& body) {
           const auto* made = std::get_if<MadeEnvelope>(&body);
           if (made == nullptr) return false;
           const auto judged = ask(VerifyRequest{"payments/nist", message, made->envelope});
           EXPECT_TRUE(judged);
           if (const auto* failure = std::get_if<Failure>(&*judged)) {
             ADD_FAILURE() << failure->code << ": " << failure->detail;
           }
           return verified(*judged);
         }});
    out.push_back({"verify",
                   [=](unsigned) {
                     return VerifyRequest{key, message, signature};
                   },
                   verified});
    out.push_back({"verify_nist",
                   [=](unsigned) {
                     return VerifyRequest{"payments/nist", message, nist};
                   },
                   verified});
    out.push_back({"verify_mac",
                   [=](unsigned) {
                     return VerifyRequest{key, message, tag};
                   },
                   verified});
    out.push_back({"verify_wrong",
                   [=](unsigned) {
                     return VerifyRequest{key, other, signature};
                   },
                   refused});
    out.push_back({"verify_nist_wrong",
                   [=](unsigned) {
                     return VerifyRequest{"payments/nist", other, nist};
                   },
                   refused});
    out.push_back({"encrypt",
                   [=](unsigned) {
                     return EncryptRequest{key, associated, secret("plain")};
                   },
                   opens_as(
                       [=](const Bytes& envelope) {
                         return DecryptRequest{key, associated, envelope};
                       },
                       "plain")});
    out.push_back({"decrypt",
                   [=](unsigned) {
                     return DecryptRequest{key, associated, sealed};
                   },
                   same_bytes(plain)});
    out.push_back({"decrypt_wrong",
                   [=](unsigned) {
                     return DecryptRequest{key, other, sealed};
                   },
                   refused});
    out.push_back({"wrap",
                   [=](unsigned) {
                     return WrapRequest{key, secret("bytes")};
                   },
                   opens_as(
                       [=](const Bytes& envelope) {
                         return UnwrapRequest{key, envelope};
                       },
                       "bytes")});
    out.push_back({"wrap_key",
                   [=](unsigned) {
                     return WrapRequest{key, KeyReference{"payments/exportable", 0}};
                   },
                   [](const ResponseBody& body) { return body.index() == 1; }});
    out.push_back({"unwrap",
                   [=](unsigned) {
                     return UnwrapRequest{key, wrapped};
                   },
                   same_bytes(bytes)});
    out.push_back({"mac", [=](unsigned) { return MacRequest{key, message}; }, same_envelope(tag)});
    out.push_back({"derive",
                   [=](unsigned) {
                     return DeriveRequest{key, 0, 16, {}, std::nullopt};
                   },
                   same_bytes(derived)});
    out.push_back({"agree",
                   [=](unsigned) {
                     return DeriveRequest{"payments/agree", 0, 16, {}, peer};
                   },
                   same_bytes(agreed)});
    out.push_back({"random",
                   [=](unsigned) {
                     return RandomRequest{key, 16};
                   },
                   [](const ResponseBody& body) {
                     const auto* got = std::get_if<GivenBytes>(&body);
                     return got != nullptr && got->bytes.size() == 16;
                   }});
    out.push_back({"public",
                   [=](unsigned) {
                     return PublicRequest{"payments/agree", 0};
                   },
                   [=](const ResponseBody& body) {
                     const auto* got = std::get_if<GivenPublicKey>(&body);
                     return got != nullptr && got->raw == half;
                   }});
    return out;
  }
};

TEST_P(EveryOperation, OfWorkers) {
  for (const Asked& asked : all()) {
    std::optional<ResponseBody> answer;
    unsigned answered = 0;
    sweep(
        asked.name, [&](unsigned n) { answer = ask(asked.request(n)); },
        [&](unsigned) {
          const auto* failure = answer ? std::get_if<Failure>(&*answer) : nullptr;
          if (failure != nullptr && is_of_shortage(failure->code)) {
            ++answered;
          } else if (answer) {
            EXPECT_TRUE(asked.is_right(*answer)) << (failure ? failure->code : "");
          }
          const auto again = ask(asked.request(0));
          ASSERT_TRUE(again);
          EXPECT_TRUE(asked.is_right(*again));
        },
        [&] { line(false); });
    EXPECT_TRUE(answered > 0 || GetParam().lasting == Lasting::until ||
                GetParam().whose == Of::openssl)
        << asked.name;
    if (HasFailure()) return;
  }
}

// A grant each, whose first use has to be recorded in the store.
TEST_P(CustodianInShortage, CountedUses) {
  const auto sign = [](unsigned n) {
    return SignRequest{"counted/" + std::to_string(n), {1, 2, 3}};
  };
  std::optional<ResponseBody> answer;
  sweep(
      "counted use",
      [&](unsigned n) {
        ASSERT_LT(n, kCountedGrants);
        answer = ask(sign(n));
      },
      [&](unsigned n) {
        unsigned used = answer && std::holds_alternative<MadeEnvelope>(*answer) ? 1 : 0;
        // At most the use that failed is burnt.
        for (unsigned i = 1; i < kUses; ++i, ++used)
          ASSERT_TRUE(std::holds_alternative<MadeEnvelope>(*ask(sign(n))));
        for (auto again = ask(sign(n)); std::holds_alternative<MadeEnvelope>(*again);
             again = ask(sign(n)))
          ASSERT_LE(++used, kUses);
        EXPECT_EQ(given<Failure>(ask(sign(n))).code, "use_limit_reached");
      },
      [&] { line(false); });
}

struct Administered {
  const char* name;
  // Made ready for it, while there is memory.
  std::function<AdminBody(const std::string& key)> request;
  // Whether the key is as the request asked.
  std::function<bool(const KeySummary&)> is_done;
};

class EveryAdministration : public CustodianInShortage {
 protected:
  void create(const std::string& key, KeyType type = KeyType::aes256) {
    const auto reply = administer(CreateKeyRequest{key, type, false});
    ASSERT_TRUE(reply && reply->kind == AdminReplyKind::last);
  }
  ShownKey shown(const std::string& key) {
    return decode_key(*administer(DescribeKeyRequest{key})).value();
  }
  std::vector<Administered> changes() {
    const auto with_key = [this](auto request) {
      return [this, request](const std::string& key) -> AdminBody {
        create(key);
        return request(key);
      };
    };
    const auto in_state = [](VersionState state) {
      return [state](const KeySummary& key) { return key.state == state; };
    };
    const auto newest = [](std::uint32_t version) {
      return [version](const KeySummary& key) { return key.newest_version == version; };
    };
    std::vector<Administered> out;
    out.push_back({"create",
                   [](const std::string& key) -> AdminBody {
                     return CreateKeyRequest{key, KeyType::ed25519, false};
                   },
                   [](const KeySummary& key) { return key.type == KeyType::ed25519; }});
    out.push_back({"create_nist",
                   [](const std::string& key) -> AdminBody {
                     return CreateKeyRequest{key, KeyType::p384, false};
                   },
                   [](const KeySummary& key) { return key.type == KeyType::p384; }});
    out.push_back({"import",
                   [](const std::string& key) -> AdminBody {
                     return ImportKeyRequest{key, KeyType::aes256, false,
                                             0,   KeyFormat::raw,  SecretBytes::random(32)};
                   },
                   [](const KeySummary& key) { return key.type == KeyType::aes256; }});
    out.push_back({"rotate", with_key([](const std::string& key) {
                     return RotateKeyRequest{key, 1, false};
                   }),
                   newest(2)});
    out.push_back({"disable", with_key([](const std::string& key) {
                     return SetKeyStateRequest{VersionState::disabled, key, 0, false};
                   }),
                   in_state(VersionState::disabled)});
    out.push_back({"destroy", with_key([](const std::string& key) {
                     return SetKeyStateRequest{VersionState::destroyed, key, 0, false};
                   }),
                   in_state(VersionState::destroyed)});
    out.push_back({"set_minimum",
                   [this](const std::string& key) -> AdminBody {
                     create(key);
                     EXPECT_TRUE(administer(RotateKeyRequest{key, 1, false}));
                     return SetMinimumVersionRequest{key, 2, false};
                   },
                   [](const KeySummary& key) { return key.minimum_version == 2; }});
    return out;
  }
  // Another custodian that starts on the same store has them.
  void expect_after_restart(const std::map<std::string, KeySummary>& acknowledged) {
    settle();
    test::MemoryStore store(shared_);
    store.answers_later = false;
    Custody other(store, random_);
    other.take(Root::create(1, root_.clone()).value(), "acme");
    other.load([](const Status& loaded) { ASSERT_TRUE(loaded) << loaded.error().to_string(); });
    for (const auto& [name, key] : acknowledged) {
      const auto there = other.keyring().keys().describe(name);
      ASSERT_TRUE(there) << name;
      EXPECT_EQ(there->summary.newest_version, key.newest_version) << name;
      EXPECT_EQ(there->summary.state, key.state) << name;
      EXPECT_EQ(there->summary.minimum_version, key.minimum_version) << name;
    }
  }
};

TEST_P(EveryAdministration, ChangesOfOperators) {
  std::map<std::string, KeySummary> acknowledged;
  for (const Administered& asked : changes()) {
    const std::string prefix = std::string(asked.name) + "/";
    std::set<std::string> codes;
    std::optional<AdminReply> reply;
    // Made ready before memory runs out: the next one's when this one is over.
    unsigned made_ready = 1;
    auto request = asked.request(prefix + "1");
    sweep(
        asked.name, [&](unsigned) { reply = administer(std::move(request)); },
        [&](unsigned) {
          const std::string key = prefix + std::to_string(made_ready);
          if (reply && reply->kind == AdminReplyKind::last) {
            const KeySummary made = decode_key(*reply).value().summary;
            EXPECT_TRUE(asked.is_done(made));
            acknowledged[key] = made;
            EXPECT_TRUE(asked.is_done(shown(key).summary)) << "acknowledged, and yet not so";
          } else if (reply) {
            codes.insert(reply->failure.code);
            if (is_of_shortage(reply->failure.code)) {
              const ShownKey there = shown(key);
              EXPECT_FALSE(there.is_recorded && asked.is_done(there.summary))
                  << "not done, it says";
            }
          }
          request = asked.request(prefix + std::to_string(++made_ready));
        },
        [&] { line(true); });
    for (const std::string& code : codes)
      EXPECT_TRUE(is_of_shortage(code) || code == "outcome_unknown") << code;
    EXPECT_TRUE(codes.contains("out_of_memory") || GetParam().lasting == Lasting::until ||
                GetParam().whose == Of::openssl)
        << asked.name;
    if (HasFailure()) return;
  }
  expect_after_restart(acknowledged);
}

TEST_P(EveryAdministration, QuestionsOfOperators) {
  create("k/1");
  create("k/2", KeyType::p256);
  const Bytes sealed =
      given<MadeEnvelope>(ask(EncryptRequest{"payments/a", {}, secret("x")})).envelope;
  const std::vector<std::pair<const char*, std::function<AdminBody()>>> questions{
      {"status", [] { return StatusRequest{}; }},
      {"list", [] { return ListKeysRequest{}; }},
      {"describe", [] { return DescribeKeyRequest{"k/2"}; }},
      {"rewrap", [&] {
         return RewrapRequest{{}, sealed};
       }}};
  for (const auto& [name, question] : questions) {
    std::optional<AdminReply> reply;
    bool was_told = false;
    sweep(
        name, [&](unsigned) { reply = administer(question()); },
        [&](unsigned) {
          if (reply && reply->kind == AdminReplyKind::failure) {
            EXPECT_TRUE(is_of_shortage(reply->failure.code)) << reply->failure.code;
            was_told = true;
          }
          reply = administer(question());
          ASSERT_TRUE(reply);
          EXPECT_EQ(reply->kind, AdminReplyKind::last);
        },
        [&] { line(true); });
    EXPECT_TRUE(was_told || GetParam().lasting == Lasting::until || GetParam().whose == Of::openssl)
        << name;
    if (HasFailure()) return;
  }
}

// No memory for anything large, for as long as it lasts: what is small is served all the while.
TEST_F(ShortageTest, WhatIsSmallIsServedWhileThereIsNoMemoryForWhatIsLarge) {
  const Bytes large(kMaxSignMessage, 7);
  ASSERT_TRUE(ask(SignRequest{"payments/a", large}));
  settle();
  shortage::fail_larger_than(16 * 1024);
  for (int i = 0; i < 3; ++i) {
    const auto refused = ask(SignRequest{"payments/a", large});
    EXPECT_EQ(refused ? std::get<Failure>(*refused).code : "out_of_memory", "out_of_memory");
    const auto served = ask(SignRequest{"payments/a", {1}});
    ASSERT_TRUE(served);
    EXPECT_TRUE(std::holds_alternative<MadeEnvelope>(*served));
  }
  EXPECT_GT(shortage::relieve(), 0u);
  const auto served = ask(SignRequest{"payments/a", large});
  ASSERT_TRUE(served);
  EXPECT_TRUE(std::holds_alternative<MadeEnvelope>(*served));
}

INSTANTIATE_TEST_SUITE_P(Every, CustodianInShortage, testing::ValuesIn(kModes),
                         [](const auto& mode) { return mode.param.name; });
INSTANTIATE_TEST_SUITE_P(Every, EveryAdministration, testing::ValuesIn(kModes),
                         [](const auto& mode) { return mode.param.name; });
INSTANTIATE_TEST_SUITE_P(Every, EveryOperation, testing::ValuesIn(kModes),
                         [](const auto& mode) { return mode.param.name; });

}  // namespace
}  // namespace concordat::keyservice
