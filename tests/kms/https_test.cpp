// The HTTPS exchange against the local KMS's server and against servers that misbehave.
#include "keyservice/https.hpp"

#include <gmock/gmock.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <thread>

#include "deploy/lab/kms_server.hpp"
#include "deploy/lab/tls_identity.hpp"
#include "keyservice/cms.hpp"
#include "peer/stream_io.hpp"
#include "tests/kms/lab_kms_fixture.hpp"

namespace concordat::keyservice {
namespace {

using namespace std::chrono_literals;
using base::Descriptor;
using test::kNow;

constexpr const char* kHost = "kms.us-east-1.amazonaws.com";

struct StreamPair {
  Descriptor client;
  Descriptor server;
};
StreamPair stream_pair() {
  int fds[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Descriptor connect(const peer::Endpoint& endpoint) {
  boost::asio::io_context io;
  Descriptor out;
  peer::async_connect(io, endpoint, 10s, [&](base::Result<peer::StreamSocket> stream) {
    ASSERT_TRUE(stream) << stream.error().to_string();
    // Asio made it non-blocking for itself; the exchange takes it either way.
    out = Descriptor(stream->release());
  });
  io.run();
  return out;
}

HttpRequest request(std::string body = "{}") {
  return {"POST",
          "/",
          {{"host", kHost}, {"content-type", "application/x-amz-json-1.1"}},
          std::move(body)};
}

HttpsCall call_to(std::string host) {
  HttpsCall out;
  out.host = std::move(host);
  out.now = kNow;
  out.max_body = kMaxKmsReply;
  out.timeout = 60s;
  return out;
}

// The local KMS's server on a thread of its own, with a handler of the test's.
class Server {
 public:
  Server(const lab::TlsIdentity& identity, lab::KmsHandler handler)
      : server_(lab::KmsServer::open({peer::parse_endpoint("tcp:127.0.0.1:0").value(), {}},
                                     identity.server, std::move(handler))
                    .value()),
        thread_([this] { server_->run(); }) {}
  ~Server() {
    server_->stop();
    thread_.join();
  }
  [[nodiscard]] Descriptor dial() const { return connect(*server_->https()); }

 private:
  std::unique_ptr<lab::KmsServer> server_;
  std::thread thread_;
};

class HttpsTest : public test::LabKms {
 protected:
  // Servers below write to clients that have hung up.
  HttpsTest() { std::signal(SIGPIPE, SIG_IGN); }

  lab::TlsIdentity identity_ =
      lab::open_tls_identity(folder_.path() / "tls", {kHost, "127.0.0.1"}, kNow).value();
  TlsTrust trust_ = TlsTrust::from_pem(base::as_bytes(identity_.authority_pem)).value();
};

TEST_F(HttpsTest, CarriesRequestAndReply) {
  HttpRequest seen;
  const Server server(identity_, [&](const HttpRequest& got) {
    seen = got;
    return HttpReply{418, {{"x-amzn-errortype", "Teapot"}}, "answer"};
  });
  const auto reply = https_exchange(server.dial(), trust_, call_to(kHost), request("question"));
  ASSERT_TRUE(reply) << reply.error().to_string();
  EXPECT_EQ(reply->status, 418u);
  EXPECT_EQ(reply->body, "answer");
  EXPECT_EQ(find_header(reply->headers, "x-amzn-errortype"), "Teapot");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/");
  EXPECT_EQ(seen.body, "question");
  EXPECT_EQ(find_header(seen.headers, "host"), kHost);
}

TEST_F(HttpsTest, AttestedCallOverTls) {
  const KmsKeyArn key = create_key(custodian_policy(0xaa));
  const Server server(identity_, [&](const HttpRequest& got) { return core_->handle(got, now_); });
  const RecipientKey recipient = RecipientKey::generate().value();
  lab::SoftwareNsm nsm = enclave(0xaa);
  HttpRequest generate =
      generate_data_key_request(key, root_encryption_context("r1", 1), document(nsm, recipient))
          .value();
  sign_kms_request(generate, key, credentials("ASIAINSTANCE", "token"), now_);
  const auto reply =
      https_exchange(server.dial(), trust_, call_to(keyservice::kms_host(key)), generate);
  ASSERT_TRUE(reply) << reply.error().to_string();
  const auto made = parse_generate_data_key_reply(key, *reply);
  ASSERT_TRUE(made) << made.error().to_string();
  EXPECT_EQ(open_ciphertext_for_recipient(made->ciphertext_for_recipient, recipient)->size(), 32u);
}

TEST_F(HttpsTest, RefusesServersThatTheCasDoNotVouchFor) {
  bool reached = false;
  const Server server(identity_, [&](const HttpRequest&) {
    reached = true;
    return HttpReply{200, {}, ""};
  });
  const auto refused = [&](const TlsTrust& trust, const HttpsCall& call) {
    const auto reply = https_exchange(server.dial(), trust, call, request());
    return !reply && reply.error().is(HttpsErrc::certificate_refused);
  };
  // Another name, and names that only look alike.
  for (const char* host : {"kms.eu-west-1.amazonaws.com", "us-east-1.amazonaws.com",
                           "x.kms.us-east-1.amazonaws.com"}) {
    EXPECT_TRUE(refused(trust_, call_to(host))) << host;
  }
  // Another authority of the same name.
  const auto other = lab::open_tls_identity(folder_.path() / "other", {kHost}, kNow).value();
  EXPECT_TRUE(
      refused(TlsTrust::from_pem(base::as_bytes(other.authority_pem)).value(), call_to(kHost)));
  // Certificates are judged at the time that is handed in, not the system's.
  HttpsCall late = call_to(kHost);
  late.now = kNow + std::chrono::days(91);
  EXPECT_TRUE(refused(trust_, late));
  HttpsCall early = call_to(kHost);
  early.now = kNow - 2h;
  EXPECT_TRUE(refused(trust_, early));
  EXPECT_FALSE(reached);
}

TEST_F(HttpsTest, RefusesAnEmptyHost) {
  EXPECT_FALSE(https_exchange(stream_pair().client, trust_, call_to(""), request()));
}

TEST_F(HttpsTest, BoundsTheReply) {
  const Server server(identity_, [&](const HttpRequest&) {
    return HttpReply{200, {}, std::string(kMaxKmsReply + 1, 'x')};
  });
  EXPECT_TRUE(https_exchange(server.dial(), trust_, call_to(kHost), request())
                  .error()
                  .is(HttpsErrc::reply_too_large));
  HttpsCall more = call_to(kHost);
  more.max_body = kMaxKmsReply + 1;
  EXPECT_TRUE(https_exchange(server.dial(), trust_, more, request()));
}

TEST_F(HttpsTest, ASilentServerTimesOut) {
  StreamPair pair = stream_pair();
  HttpsCall call = call_to(kHost);
  call.timeout = 20ms;
  EXPECT_TRUE(https_exchange(std::move(pair.client), trust_, call, request())
                  .error()
                  .is(HttpsErrc::timed_out));
}

TEST_F(HttpsTest, WhatIsNoTlsIsRefused) {
  StreamPair pair = stream_pair();
  const std::string plain = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  ASSERT_EQ(::send(pair.server.get(), plain.data(), plain.size(), 0),
            static_cast<ssize_t>(plain.size()));
  EXPECT_TRUE(https_exchange(std::move(pair.client), trust_, call_to(kHost), request())
                  .error()
                  .is(HttpsErrc::tls_failed));
  StreamPair closed = stream_pair();
  closed.server.reset();
  EXPECT_TRUE(https_exchange(std::move(closed.client), trust_, call_to(kHost), request())
                  .error()
                  .is(HttpsErrc::tls_failed));
}

// A TLS server that answers `reply`, whatever was asked, and closes.
std::thread answer_with(Descriptor stream, const lab::Credential& identity, std::string reply) {
  return std::thread([fd = std::move(stream), &identity, reply = std::move(reply)] {
    using ContextPtr = std::unique_ptr<SSL_CTX, base::OpensslDeleter<SSL_CTX_free>>;
    using SslPtr = std::unique_ptr<SSL, base::OpensslDeleter<SSL_free>>;
    const ContextPtr context(SSL_CTX_new(TLS_server_method()));
    SSL_CTX_use_certificate(context.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context.get(), identity.key.get());
    const SslPtr ssl(SSL_new(context.get()));
    SSL_set_fd(ssl.get(), fd.get());
    char buffer[4096];
    if (SSL_accept(ssl.get()) != 1 || SSL_read(ssl.get(), buffer, sizeof buffer) <= 0) return;
    SSL_write(ssl.get(), reply.data(), static_cast<int>(reply.size()));
    SSL_shutdown(ssl.get());
  });
}

TEST_F(HttpsTest, RefusesRepliesWithoutACertainEnd) {
  struct Row {
    const char* reply;
    HttpsErrc code;
  };
  for (const Row& row : {
           Row{"HTTP/1.1 200 OK\r\n\r\n{\"until\":\"the end\"}", HttpsErrc::reply_malformed},
           Row{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", HttpsErrc::connection_lost},
           Row{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nshort\r\n",
               HttpsErrc::connection_lost},
           Row{"", HttpsErrc::connection_lost},
           Row{"SSH-2.0-OpenSSH\r\n\r\n", HttpsErrc::reply_malformed},
       }) {
    StreamPair pair = stream_pair();
    std::thread server = answer_with(std::move(pair.server), identity_.server, row.reply);
    const auto reply = https_exchange(std::move(pair.client), trust_, call_to(kHost), request());
    server.join();
    ASSERT_FALSE(reply) << row.reply;
    EXPECT_TRUE(reply.error().is(row.code)) << row.reply << ": " << reply.error().to_string();
  }
}

TEST_F(HttpsTest, RefusesWhatIsNoStream) {
  EXPECT_TRUE(https_exchange(Descriptor(), trust_, call_to(kHost), request())
                  .error()
                  .is(HttpsErrc::bad_stream));
  EXPECT_TRUE(https_exchange(Descriptor(::socket(AF_INET, SOCK_DGRAM, 0)), trust_, call_to(kHost),
                             request())
                  .error()
                  .is(HttpsErrc::bad_stream));
}

TEST(TlsTrust, WantsCertificates) {
  EXPECT_TRUE(TlsTrust::from_pem({}).error().is(HttpsErrc::bad_trust));
  EXPECT_TRUE(TlsTrust::from_pem(base::as_bytes("none")).error().is(HttpsErrc::bad_trust));
  EXPECT_TRUE(TlsTrust::from_pem(base::as_bytes("-----BEGIN CERTIFICATE-----\nAAAA\n"
                                                "-----END CERTIFICATE-----\n"))
                  .error()
                  .is(HttpsErrc::bad_trust));
}

TEST(KmsServer, PlainHttpOnlyWhereNobodyElseCanReachIt) {
  const test::TemporaryFolder folder;
  const auto identity = lab::open_tls_identity(folder.path() / "tls", {"a"}, kNow).value();
  const auto open = [&](const std::string& endpoint) {
    return lab::KmsServer::open({{}, peer::parse_endpoint(endpoint).value()}, identity.server, {})
        .has_value();
  };
  EXPECT_TRUE(open("tcp:127.0.0.1:0"));
  EXPECT_TRUE(open("unix:" + (folder.path() / "http.sock").string()));
  EXPECT_FALSE(open("tcp:0.0.0.0:0"));
}

TEST(TlsIdentity, KeepsItsAuthorityAndRefusesNamesThatAreNone) {
  const test::TemporaryFolder folder;
  const auto open = [&](const std::string& name) {
    return lab::open_tls_identity(folder.path() / "tls", {name}, kNow);
  };
  EXPECT_EQ(open("a")->authority_pem, open("b")->authority_pem);
  for (const char* name : {"", "A", "a,DNS:b", "a b"})
    EXPECT_FALSE(open(name)) << name;
}

}  // namespace
}  // namespace concordat::keyservice
