// etcd when it is gone, full, changed by others, or loses an answer.
#include <gtest/gtest.h>

#include <openssl/pem.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "deploy/lab/tls_identity.hpp"
#include "deploy/parent/store/open_store_io.hpp"
#include "tests/parent/etcd_server.hpp"
#include "tests/parent/store_fixture.hpp"
#include "tests/relay/relay_fixture.hpp"

namespace concordat::test {
namespace {

using nlohmann::json;
using parent::Store;
using parent::StoreErrc;

std::string base64(std::string_view text) {
  return base::to_base64(base::as_bytes(text));
}

std::string take_text(BIO* out) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(out);
  return text;
}
std::string certificate_pem(const lab::TlsIdentity& identity) {
  BIO* const out = BIO_new(BIO_s_mem());
  EXPECT_EQ(PEM_write_bio_X509(out, identity.server.certificate.get()), 1);
  return take_text(out);
}
std::string key_pem(const lab::TlsIdentity& identity) {
  BIO* const out = BIO_new(BIO_s_mem());
  EXPECT_EQ(PEM_write_bio_PrivateKey(out, identity.server.key.get(), nullptr, nullptr, 0, nullptr,
                                     nullptr),
            1);
  return take_text(out);
}

class EtcdStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    if (!EtcdServer::installed()) GTEST_SKIP() << "no etcd on this machine (Debian's etcd-server)";
    etcd_.emplace();
    config_.etcd = parent::EtcdConfig{{etcd_->endpoint()}, "test", {}};
    open();
  }
  void open() { store_ = parent::open_store(loop_.io(), config_, log_).value(); }
  auto put(const std::string& name, std::string_view content,
           std::optional<std::string> version = {}) {
    return loop_.put(*store_, {"f", name}, content, std::move(version));
  }
  auto get(const std::string& name) { return loop_.get(*store_, {"f", name}); }

  StoreLoop loop_;
  std::optional<EtcdServer> etcd_;
  parent::StoreConfig config_;
  std::vector<std::string> lines_;
  base::Logger log_{"test", [this](std::string_view line) { lines_.emplace_back(line); }};
  std::unique_ptr<Store> store_;
};

TEST_F(EtcdStoreTest, IsUnreachableWhileItIsStoppedAndRecoversByItself) {
  ASSERT_TRUE(put("a", "1").has_value());
  etcd_->stop();
  EXPECT_TRUE(put("b", "2").error().is(StoreErrc::unreachable));
  EXPECT_TRUE(get("a").error().is(StoreErrc::unreachable));
  EXPECT_TRUE(loop_.custodians(*store_).error().is(StoreErrc::unreachable));
  std::size_t failed = 0;
  for (int i = 0; i < 3; ++i) {
    store_->put({"f", std::to_string(i)}, {1}, {}, [&](const base::Result<std::string>& done) {
      failed += done.error().is(StoreErrc::unreachable) ? 1 : 0;
    });
  }
  loop_.run_until([&] { return failed == 3; });
  ASSERT_EQ(lines_.size(), 1u) << "once, not for every request";
  EXPECT_EQ(json::parse(lines_[0])["event"], "store_trouble");
  EXPECT_TRUE(store_->trouble()->is(StoreErrc::unreachable));
  etcd_->start();
  EXPECT_EQ(base::as_text(get("a")->content), "1") << "acknowledged before it was killed";
  EXPECT_TRUE(put("b", "2").has_value());
  EXPECT_FALSE(store_->trouble().has_value());
  EXPECT_EQ(json::parse(lines_.back())["event"], "store_recovered");
}

TEST_F(EtcdStoreTest, AsksAnotherMemberWhenOneIsGone) {
  // Nobody listens on the first: etcd's own port for its peers speaks another protocol, too.
  config_.etcd->endpoints = {peer::TcpEndpoint{"127.0.0.1", 1}, etcd_->endpoint()};
  open();
  EXPECT_TRUE(put("a", "1").has_value());
  EXPECT_EQ(base::as_text(get("a")->content), "1");
  EXPECT_FALSE(store_->trouble().has_value());
}

TEST_F(EtcdStoreTest, AWriteWhoseAnswerIsLostIsSentAgainAndFoundDone) {
  SocketFolder folder;
  const Target lossy(folder.socket("lossy.sock"));
  config_.etcd->endpoints = {lossy.endpoint(), etcd_->endpoint()};
  open();
  // Hands requests on and answers none but the first, which reads.
  std::thread between([&] {
    for (int request = 0; request < 2; ++request) {
      const Wire client = lossy.accept();
      const Wire server = Wire::connect(etcd_->endpoint());
      std::string text;
      std::size_t length = std::string::npos;
      while (text.size() < length) {
        text += base::as_text(client.read(1));
        const std::size_t end = text.find("\r\n\r\n");
        if (length == std::string::npos && end != std::string::npos) {
          length = end + 4 + std::stoul(text.substr(text.find("Content-Length: ") + 16));
        }
      }
      server.write(test::text(text));
      const base::Bytes answer = server.read_to_end();
      EXPECT_NE(base::as_text(answer).find("200 OK"), std::string_view::npos);
      if (request == 0) client.write(answer);
    }
  });
  const auto done = put("a", "once");
  between.join();
  ASSERT_TRUE(done.has_value()) << done.error().to_string();
  const auto entry = get("a");
  EXPECT_EQ(base::as_text(entry->content), "once");
  // Written once: a second time would have raised the version of its key.
  const json found =
      json::parse(etcd_->ask("/v3/kv/range", json{{"key", base64("test/entries/f/a")}}.dump()));
  EXPECT_EQ(found["kvs"][0]["version"], "1");
}

TEST_F(EtcdStoreTest, IsFullWhenEtcdIsAndGoesOnWhenItIsGivenRoom) {
  etcd_->stop();
  etcd_->set_options({"--quota-backend-bytes=2000000"});
  etcd_->start();
  base::Error refused;
  const std::string large(1'000'000, 'x');
  for (int i = 0; !refused.code() && i < 10; ++i)
    refused = put("large-" + std::to_string(i), large + std::to_string(i)).error();
  EXPECT_TRUE(refused.is(StoreErrc::full)) << refused.to_string();
  EXPECT_TRUE(get("large-0").has_value());
  EXPECT_TRUE(store_->trouble()->is(StoreErrc::full));
  etcd_->stop();
  etcd_->set_options({});
  etcd_->start();
  // What `etcdctl alarm disarm` does.
  json alarm = json::parse(etcd_->ask("/v3/maintenance/alarm", R"({"action":"GET"})"))["alarms"][0];
  ASSERT_EQ(alarm["alarm"], "NOSPACE");
  alarm["action"] = "DEACTIVATE";
  (void)etcd_->ask("/v3/maintenance/alarm", alarm.dump());
  EXPECT_TRUE(put("small", "x").has_value());
  EXPECT_FALSE(store_->trouble().has_value());
}

TEST_F(EtcdStoreTest, WhatOthersPutThereIsNamed) {
  ASSERT_TRUE(put("a", "1").has_value());
  const auto write = [&](const std::string& key, const std::string& value) {
    (void)etcd_->ask("/v3/kv/put", json{{"key", base64(key)}, {"value", base64(value)}}.dump());
  };
  write("test/versions/f/a", "nonsense");
  const auto replaced = put("a", "2", parent::version_of(base::as_bytes("1")));
  EXPECT_TRUE(replaced.error().is(StoreErrc::corrupt));
  EXPECT_NE(replaced.error().detail().find("test/versions/f/a"), std::string::npos);
  EXPECT_TRUE(loop_.list(*store_, {"f", {}, {}}).error().is(StoreErrc::corrupt));
  write("test/usage/f", "-1 x");
  EXPECT_TRUE(put("b", "2").error().is(StoreErrc::corrupt));
}

TEST_F(EtcdStoreTest, SpeaksTlsToTheServerThatItsAuthoritiesVouchFor) {
  SocketFolder folder;
  const auto make = [&](const std::string& name) {
    return lab::open_tls_identity(folder.path() / name, {"localhost"}, base::system_wall_clock())
        .value();
  };
  const auto server = make("server"), stranger = make("stranger");
  const auto write = [&](const std::string& name, const std::string& pem) {
    std::ofstream(folder.path() / name) << pem;
    return folder.path() / name;
  };
  const auto authorities = write("ca.pem", server.authority_pem);
  EtcdServer secure({"--cert-file=" + write("cert.pem", certificate_pem(server)).string(),
                     "--key-file=" + write("key.pem", key_pem(server)).string()},
                    "https");
  const peer::TcpEndpoint at{"localhost", secure.endpoint().port};
  config_.etcd = parent::EtcdConfig{{at}, "test", parent::TlsFiles{authorities, {}, {}}};
  open();
  EXPECT_TRUE(put("a", "1").has_value());
  EXPECT_EQ(base::as_text(get("a")->content), "1");
  config_.etcd->tls->authorities = write("other.pem", stranger.authority_pem);
  open();
  EXPECT_TRUE(get("a").error().is(StoreErrc::unreachable));
  config_.etcd->tls->authorities = authorities;
  config_.etcd->endpoints = {secure.endpoint()};
  open();
  EXPECT_TRUE(get("a").error().is(StoreErrc::unreachable)) << "the name dialled is not in it";
  config_.etcd->tls->authorities = folder.path() / "absent.pem";
  EXPECT_FALSE(parent::check_store(config_).has_value());
}

}  // namespace
}  // namespace concordat::test
