#include "deploy/parent/operator_client_io.hpp"

#include <boost/asio/io_context.hpp>

#include "deploy/parent/http_io.hpp"
#include "deploy/parent/operator_service.hpp"
#include "peer/preface_io.hpp"

namespace concordat::parent {
namespace {

constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

}  // namespace

base::Result<cli::ParentAnswer> call_parent(const peer::Endpoint& endpoint,
                                            const cli::ParentRequest& request) {
  boost::asio::io_context io(1);
  std::map<std::string, std::string> headers;
  if (request.only_new) headers.emplace("If-None-Match", "*");
  if (!request.version.empty()) headers.emplace("If-Match", '"' + request.version + '"');
  std::optional<base::Result<HttpReply>> reply;
  async_http_call(io, endpoint, {request.method, request.target, "parent", headers, request.body},
                  kPatience, [&](base::Result<HttpReply> got) { reply.emplace(std::move(got)); });
  io.run();
  if (!*reply) return reply->error();
  return cli::ParentAnswer{(*reply)->status, std::move((*reply)->body)};
}

void async_reach_enclave(boost::asio::io_context& io, const peer::Endpoint& parent,
                         const std::string& enclave, std::chrono::milliseconds timeout,
                         peer::ConnectHandler handler) {
  async_http_upgrade(
      io, parent, kOperatorRelayPath, kOperatorRelayProtocol, timeout,
      [enclave, timeout, handler = std::move(handler)](base::Result<peer::StreamSocket> stream) {
        if (!stream) return handler(stream.error());
        peer::async_ask_for_target(*std::move(stream), peer::EnclaveTarget{enclave}, timeout,
                                   handler);
      });
}

}  // namespace concordat::parent
