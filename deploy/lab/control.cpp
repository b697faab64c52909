#include "deploy/lab/control.hpp"

#include <nlohmann/json.hpp>

#include "attest/base/json.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/unix_socket.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::JsonObject;
using base::Result;
using nlohmann::ordered_json;

constexpr std::size_t kMaxControlClients = 64;
constexpr std::size_t kMaxRequest = 64 * 1024;
constexpr std::size_t kMaxAnswer = 1024 * 1024;

// The image's own fault, as against a request or a system that is wrong.
bool is_refusal(const Error& error) {
  const std::string_view category = error.code().category().name();
  return (category == "eif" && !error.is(attest::EifErrc::unreadable)) || category == "cpio" ||
         error.is(LabErrc::bad_image);
}

ordered_json error_answer(const Error& error) {
  return {{"ok", false},
          {"refused", is_refusal(error)},
          {"code", error.name()},
          {"message", error.to_string()}};
}

ordered_json ended_answer(const EndedEnclave& ended) {
  return {{"EnclaveName", ended.name}, {"EnclaveID", ended.id}, {"Status", ended.status}};
}

Result<RunRequest> run_request(JsonObject& object) {
  RunRequest request;
  CONCORDAT_TRY(request.image, object.get_text("image"));
  CONCORDAT_TRY(request.name, object.get_text("name"));
  CONCORDAT_TRY(const auto parent, object.find_text("parent_socket"));
  CONCORDAT_TRY(const auto instance, object.find_text("instance_id"));
  CONCORDAT_TRY(const auto role, object.find_text("role_arn"));
  request.parent_socket = parent.value_or("");
  request.instance_id = instance.value_or("");
  request.role_arn = role.value_or("");
  if (object.find("debug") != nullptr) {
    CONCORDAT_TRY(request.debug, object.get_bool("debug"));
  }
  return request;
}

// Answers are far smaller than what a fresh socket takes; a client that cannot take one is gone.
void send_answer(int fd, const ordered_json& answer) {
  const std::string text = answer.dump();
  [[maybe_unused]] const base::Status sent = send_frame(fd, base::as_bytes(text));
}

}  // namespace

std::filesystem::path control_socket(const std::filesystem::path& state) {
  return state / "control.sock";
}

Result<std::unique_ptr<ControlServer>> ControlServer::listen(Reactor& reactor,
                                                             Hypervisor& hypervisor,
                                                             const std::filesystem::path& state) {
  const auto path = control_socket(state);
  // The state directory is locked by this process: a socket that is there is a dead one.
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
  CONCORDAT_TRY(base::Descriptor listener, listen_unix(path));
  return std::unique_ptr<ControlServer>(
      new ControlServer(reactor, hypervisor, std::move(listener), path));
}

ControlServer::ControlServer(Reactor& reactor, Hypervisor& hypervisor, base::Descriptor listener,
                             std::filesystem::path path)
    : reactor_(reactor),
      hypervisor_(hypervisor),
      listener_(std::move(listener)),
      path_(std::move(path)) {
  reactor_.watch(listener_.get(), POLLIN, [this](short) { on_connect(); });
  hypervisor_.on_ended([this](const EndedEnclave& ended) { on_ended(ended); });
}

ControlServer::~ControlServer() {
  hypervisor_.on_ended({});
  reactor_.forget(listener_.get());
  for (const auto& [fd, client] : clients_)
    reactor_.forget(fd);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void ControlServer::on_connect() {
  auto accepted = accept_unix(listener_.get());
  if (!accepted || !*accepted || clients_.size() == kMaxControlClients) return;
  const int fd = (*accepted)->get();
  clients_[fd].socket = *std::move(*accepted);
  reactor_.watch(fd, POLLIN, [this, fd](short) { on_client(fd); });
}

void ControlServer::drop(int fd) {
  reactor_.forget(fd);
  clients_.erase(fd);
}

void ControlServer::on_client(int fd) {
  if (!serve(clients_.at(fd))) drop(fd);
}

bool ControlServer::serve(Client& client) {
  const std::size_t have = client.received.size();
  client.received.resize(kFrameHead + kMaxRequest);
  const auto n = receive_some(client.socket.get(), std::span(client.received).subspan(have));
  client.received.resize(have + (n ? n->value_or(0) : 0));
  if (!n || *n == std::optional<std::size_t>(0)) return false;
  const auto request = peek_frame(client.received, kMaxRequest);
  if (!request) return false;
  if (!*request) return true;
  const auto answered = answer(client, **request);
  if (answered && !*answered) return true;
  send_answer(client.socket.get(), answered ? ordered_json{{"ok", true}, {"result", **answered}}
                                            : error_answer(answered.error()));
  return false;
}

Result<std::optional<ordered_json>> ControlServer::answer(Client& client, base::BytesView request) {
  CONCORDAT_TRY(const auto json, base::parse_strict_json(base::as_text(request)));
  CONCORDAT_TRY(JsonObject object, JsonObject::from(json, ""));
  CONCORDAT_TRY(const std::string command, object.get_text("command"));
  if (command == "run") {
    CONCORDAT_TRY(const RunRequest run, run_request(object));
    CONCORDAT_CHECK(object.finish());
    CONCORDAT_TRY(const Enclave* enclave, hypervisor_.run(run));
    return std::optional(enclave->describe());
  }
  if (command == "describe") {
    CONCORDAT_CHECK(object.finish());
    ordered_json list = ordered_json::array();
    for (const auto& [name, enclave] : hypervisor_.enclaves())
      list.push_back(enclave->describe());
    return std::optional(std::move(list));
  }
  if (command != "terminate" && command != "wait") {
    return Error(LabErrc::bad_request, "command '" + command + "'");
  }
  CONCORDAT_TRY(const std::string name, object.get_text("name"));
  CONCORDAT_CHECK(object.finish());
  if (command == "terminate") {
    CONCORDAT_TRY(const EndedEnclave ended, hypervisor_.terminate(name));
    return std::optional(
        ordered_json{{"EnclaveName", ended.name}, {"EnclaveID", ended.id}, {"Terminated", true}});
  }
  if (hypervisor_.enclaves().contains(name)) {
    client.awaited = name;
    return std::optional<ordered_json>();
  }
  const EndedEnclave* ended = hypervisor_.find_ended(name);
  if (ended == nullptr) return Error(LabErrc::no_such_enclave, name);
  return std::optional(ended_answer(*ended));
}

void ControlServer::on_ended(const EndedEnclave& ended) {
  std::vector<int> waiting;
  for (const auto& [fd, client] : clients_) {
    if (client.awaited == ended.name) waiting.push_back(fd);
  }
  for (const int fd : waiting) {
    send_answer(fd, {{"ok", true}, {"result", ended_answer(ended)}});
    drop(fd);
  }
}

Result<ControlAnswer> ask_hypervisor(const std::filesystem::path& state,
                                     const ordered_json& request) {
  const auto socket = connect_unix(control_socket(state), Blocking::yes);
  if (!socket) {
    return Error(LabErrc::bad_state, socket.error().detail() +
                                         "; is `concordat-lab-hypervisor serve --state " +
                                         state.string() + "` running?");
  }
  CONCORDAT_CHECK(send_frame(socket->get(), base::as_bytes(request.dump())));
  CONCORDAT_TRY(const base::Bytes bytes, receive_frame(socket->get(), kMaxAnswer));
  const std::string_view text = base::as_text(bytes);
  CONCORDAT_CHECK(base::parse_strict_json(text));
  // Once more, for the order of keys: what is printed is what the hypervisor wrote.
  const auto json = ordered_json::parse(text);
  if (!json.is_object() || !json.contains("ok")) {
    return Error(LabErrc::bad_request, "the hypervisor's answer is not understood");
  }
  if (json["ok"] == true) return ControlAnswer{true, false, json["result"].dump(2)};
  return ControlAnswer{false, json.value("refused", false), json.value("message", "")};
}

}  // namespace concordat::lab
