// The requests of one connection, one after the other.
#pragma once

#include "keyservice/agent/agent_state_io.hpp"
#include "keyservice/agent/answer.hpp"
#include "keyservice/agent/wire_io.hpp"

namespace concordat::keyservice::agent {

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(peer::StreamSocket socket, bool is_tcp, std::shared_ptr<AgentServer::State> state);
  ~Connection();

  void read();

 private:
  void on_header(boost::system::error_code error);
  void read_body(std::size_t filled);
  void perform(base::BytesView body);
  void get_key();
  void call(RequestBody body);
  void attest();
  void wait_for_ready();
  void report_health();
  void stream();
  // Ends the connection after it: the request's body was not read.
  void refuse(const base::Error& why);
  void write(Answer answer);
  void next();

  std::shared_ptr<AgentServer::State> state_;
  WirePtr wire_;
  Target target_;
  bool bare_ = false;
  base::SecretBytes body_;
  Answer answer_;
  std::optional<http::response<http::span_body<const char>>> response_;
  std::optional<http::response_serializer<http::span_body<const char>>> serializer_;
};

}  // namespace concordat::keyservice::agent
