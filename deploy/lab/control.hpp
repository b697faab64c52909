// The hypervisor's control socket, STATE/control.sock: one JSON object in a frame (4-byte
// big-endian length) asks, one answers. The state directory is its owner's alone, and so is the
// socket.
//
//   {"command":"run","image":PATH,"name":NAME[,"parent_socket":PATH][,"instance_id":ID]
//    [,"role_arn":ARN][,"debug":true]}            -> the enclave as `describe` shows it
//   {"command":"terminate","name":NAME}           -> {"EnclaveName","EnclaveID","Terminated"}
//   {"command":"wait","name":NAME}                -> {"EnclaveName","EnclaveID","Status"}, when
//                                                    it has ended
//   {"command":"describe"}                        -> an array like nitro-cli's describe-enclaves
//
//   answers: {"ok":true,"result":..} or {"ok":false,"refused":BOOL,"code":NAME,"message":TEXT};
//   refused says that the image itself was not acceptable.
#pragma once

#include "deploy/lab/hypervisor.hpp"

namespace concordat::lab {

[[nodiscard]] std::filesystem::path control_socket(const std::filesystem::path& state);

class ControlServer {
 public:
  // Both outlive the server, which observes the hypervisor's ended enclaves.
  [[nodiscard]] static base::Result<std::unique_ptr<ControlServer>> listen(
      Reactor& reactor, Hypervisor& hypervisor, const std::filesystem::path& state);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Client {
    base::Descriptor socket;
    base::Bytes received;
    std::string awaited;  // name of the enclave whose end this client waits for
  };

  ControlServer(Reactor& reactor, Hypervisor& hypervisor, base::Descriptor listener,
                std::filesystem::path path);
  void on_connect();
  void on_client(int fd);
  // False: the client is done with.
  [[nodiscard]] bool serve(Client& client);
  // nullopt: the answer comes when the awaited enclave has ended.
  [[nodiscard]] base::Result<std::optional<nlohmann::ordered_json>> answer(Client& client,
                                                                           base::BytesView request);
  void on_ended(const EndedEnclave& ended);
  void drop(int fd);

  Reactor& reactor_;
  Hypervisor& hypervisor_;
  base::Descriptor listener_;
  std::filesystem::path path_;
  std::map<int, Client> clients_;
};

struct ControlAnswer {
  bool ok = false;
  bool refused = false;
  std::string text;  // JSON of the result, indented; or the error's message
};
// Asks the hypervisor of `state`; blocks until it answers.
[[nodiscard]] base::Result<ControlAnswer> ask_hypervisor(const std::filesystem::path& state,
                                                         const nlohmann::ordered_json& request);

}  // namespace concordat::lab
