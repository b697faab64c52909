#include "deploy/parent/store/etcd_client_io.hpp"

#include "deploy/parent/store/etcd_messages.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;

// A page as base64, with its names.
constexpr std::size_t kMaxEtcdReply = 4 * 1024 * 1024;

Error unreachable(const peer::Endpoint& endpoint, const Error& why) {
  return Error(StoreErrc::unreachable, to_string(endpoint) + ": " + why.to_string());
}

}  // namespace

struct EtcdClient::Members {
  boost::asio::io_context& io;
  std::vector<peer::Endpoint> endpoints;
  std::shared_ptr<HttpTls> tls;
  std::size_t first = 0;  // who answered last
};

struct EtcdClient::Call {
  std::shared_ptr<Members> members;
  std::string path, body;
  Handler handler;
  std::size_t member = 0, asked = 0;
};

Result<EtcdClient> EtcdClient::open(boost::asio::io_context& io, const EtcdConfig& config) {
  std::shared_ptr<HttpTls> tls;
  if (config.tls) {
    CONCORDAT_TRY(tls, open_tls(*config.tls));
  }
  return EtcdClient(std::make_shared<Members>(Members{io, config.endpoints, std::move(tls)}));
}

void EtcdClient::call(const std::string& path, std::string body, Handler handler) {
  ask(std::make_shared<Call>(
      Call{members_, path, std::move(body), std::move(handler), members_->first}));
}

void EtcdClient::ask(const std::shared_ptr<Call>& call) {
  const Members& members = *call->members;
  const peer::Endpoint& endpoint = members.endpoints[call->member];
  const auto* tcp = std::get_if<peer::TcpEndpoint>(&endpoint);
  HttpCall http{"POST", call->path, tcp != nullptr ? tcp->host : "localhost", {}, call->body};
  http.headers["Content-Type"] = "application/json";
  http.max_reply = kMaxEtcdReply;
  http.tls = members.tls;
  async_http_call(members.io, endpoint, http, kEtcdTimeout,
                  [call, &endpoint](const Result<HttpReply>& reply) {
                    Members& all = *call->members;
                    if (reply && reply->status == 200) {
                      all.first = call->member;
                      return call->handler(reply->body);
                    }
                    const Error why = reply ? etcd::failure(reply->status, reply->body)
                                            : unreachable(endpoint, reply.error());
                    ++call->asked;
                    if (!why.is(StoreErrc::unreachable) || call->asked == all.endpoints.size()) {
                      return call->handler(why);
                    }
                    call->member = (call->member + 1) % all.endpoints.size();
                    ask(call);
                  });
}

}  // namespace concordat::parent
