#include "deploy/parent/operator_client_io.hpp"

#include <boost/asio/io_context.hpp>

#include "deploy/parent/http_io.hpp"

namespace concordat::parent {
namespace {

constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

}  // namespace

base::Result<cli::ParentAnswer> call_parent(const peer::Endpoint& endpoint,
                                            const cli::ParentRequest& request) {
  boost::asio::io_context io(1);
  std::optional<base::Result<HttpReply>> reply;
  async_http_call(io, endpoint, {request.method, request.target, "parent", {}, request.body},
                  kPatience, [&](base::Result<HttpReply> got) { reply.emplace(std::move(got)); });
  io.run();
  if (!*reply) return reply->error();
  return cli::ParentAnswer{(*reply)->status, std::move((*reply)->body)};
}

}  // namespace concordat::parent
