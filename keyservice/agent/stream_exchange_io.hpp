// One encrypt-stream or decrypt-stream: what comes in is read no faster than what goes out is
// taken, and two chunks are all that is held. The response begins with the first authenticated
// chunk; what goes wrong before is an answer, afterwards a broken transfer.
#pragma once

#include "keyservice/agent/agent_state_io.hpp"
#include "keyservice/agent/answer.hpp"
#include "keyservice/agent/stream_format.hpp"
#include "keyservice/agent/wire_io.hpp"

namespace concordat::keyservice::agent {

class StreamExchange : public std::enable_shared_from_this<StreamExchange> {
 public:
  using StatePtr = std::shared_ptr<AgentServer::State>;
  // nullopt: the response is out and whole. Does not run where the connection is gone.
  using Done = std::function<void(std::optional<Answer>)>;

  StreamExchange(StatePtr state, WirePtr wire, Target target, Done done);
  ~StreamExchange();

  void start();

 private:
  void ask_custodian(RequestBody body, std::function<void(ResponseBody)> then);
  void wrap_data_key();
  void read_envelope();
  void unwrap_data_key(base::Bytes envelope);
  // Gives out what there is, reads more where there is nothing.
  void pump();
  void read_more(std::function<void()> then);
  void send(base::BytesView bytes, std::function<void()> then);
  void finish();
  void fail(const base::Error& why);

  StatePtr state_;
  WirePtr wire_;
  Target target_;
  Done done_;
  std::unique_ptr<StreamSealer> sealer_;
  std::unique_ptr<StreamOpener> opener_;
  http::response<http::empty_body> response_;
  std::optional<http::response_serializer<http::empty_body>> serializer_;  // once begun
  bool ended_ = false;  // the request's body has come
};

}  // namespace concordat::keyservice::agent
