// The application that the tests start beside an agent: it says what it is and what it can reach,
// one "key=value" a line, and does what its first argument asks.
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

#include "attest/nsm_device.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"
#include "deploy/lab/unix_socket.hpp"

// Leak detection traces its own process, which confinement may forbid.
extern "C" const char* __asan_default_options() {
  return "detect_leaks=0";
}

namespace {

using namespace concordat;
namespace nsm = attest::nsm;

// Higher than what any agent has open.
constexpr int kDescriptors = 4096;
constexpr int kStandard = 3;

void say(const std::string& key, const std::string& value) {
  std::printf("%s=%s\n", key.c_str(), value.c_str());
  std::fflush(stdout);
}
void say(const std::string& key, long value) {
  say(key, std::to_string(value));
}

std::string inherited() {
  std::string out;
  for (int fd = kStandard; fd < kDescriptors; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) out += (out.empty() ? "" : " ") + std::to_string(fd);
  }
  return out;
}

std::string capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return "unknown";
  unsigned all = 0;
  for (const auto& part : data)
    all |= part.effective | part.permitted | part.inheritable;
  return all == 0 ? "none" : "some";
}

int report(char** environment) {
  say("uid", static_cast<long>(::getuid()));
  say("euid", static_cast<long>(::geteuid()));
  say("gid", static_cast<long>(::getgid()));
  say("groups", ::getgroups(0, nullptr));
  say("capabilities", capabilities());
  say("no_new_privs", ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  say("can_become_root", ::setuid(0) == 0);
  say("inherited", inherited());
  say("environment", environment[0] == nullptr ? "empty" : environment[0]);
  struct sigaction pipe_signal {};
  ::sigaction(SIGPIPE, nullptr, &pipe_signal);
  say("sigpipe", pipe_signal.sa_handler == SIG_DFL ? "default" : "ignored");
  return 0;
}

// What a handshake of this enclave would need: 44 bytes that pass for its key.
std::string try_to_mint(base::Result<base::Bytes> document) {
  return document ? "MINTED " + std::to_string(document->size()) + " bytes"
                  : document.error().to_string();
}
base::Result<base::Bytes> mint_with(attest::NsmTransport& module) {
  return nsm::attestation(module, {base::Bytes(8, 1), base::Bytes(32, 2), base::Bytes(44, 3)});
}

base::Result<base::Bytes> mint_through_device() {
  CONCORDAT_TRY(attest::NsmDevice device, attest::NsmDevice::open());
  return mint_with(device);
}
base::Result<base::Bytes> mint_through_socket() {
  CONCORDAT_TRY(const auto socket, lab::LabNsmSocket::connect());
  return mint_with(*socket);
}

// The agent holds the module open: its descriptors, through /proc and by pidfd_getfd(2).
std::string take_from_agent() {
  const auto agent = ::getppid();
  const base::Descriptor handle(static_cast<int>(::syscall(SYS_pidfd_open, agent, 0)));
  for (int fd = kStandard; fd < kDescriptors; ++fd) {
    const std::string path = "/proc/" + std::to_string(agent) + "/fd/" + std::to_string(fd);
    if (::open(path.c_str(), O_RDWR) >= 0) return "OPENED " + path;
    if (::syscall(SYS_pidfd_getfd, handle.get(), fd, 0) >= 0) return "TOOK " + std::to_string(fd);
    if (errno != EPERM)
      return "descriptor " + std::to_string(fd) + ": errno " + std::to_string(errno);
  }
  const std::string memory = "/proc/" + std::to_string(agent) + "/mem";
  if (::open(memory.c_str(), O_RDONLY) >= 0) return "OPENED " + memory;
  return "nothing";
}

// Every way to a document that is not the agent's API. 0 when none led there.
int mint() {
  const auto device = mint_through_device();
  const auto socket = mint_through_socket();
  say("mint_device", try_to_mint(device));
  say("mint_socket", try_to_mint(socket));
  const std::string taken = take_from_agent();
  say("taken_from_agent", taken);
  return device || socket || taken != "nothing" ? 1 : 0;
}

// "127.0.0.1:PORT", or the path of a Unix socket.
base::Result<base::Descriptor> connect_to(const std::string& agent) {
  constexpr std::string_view kLoopback = "127.0.0.1:";
  if (!agent.starts_with(kLoopback)) return lab::connect_unix(agent, lab::Blocking::yes);
  base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(agent.substr(kLoopback.size()))));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return lab::system_error("connect to " + agent);
  }
  return socket;
}

// One HTTP/1.1 exchange with the agent: status line, headers and body as they come.
std::string ask(const std::string& agent, const std::string& method, const std::string& target,
                const std::string& body = "") {
  const auto socket = connect_to(agent);
  if (!socket) return socket.error().to_string();
  const std::string request = method + " " + target +
                              " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                              "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  if (!lab::send_some(socket->get(), base::as_bytes(request))) return "not sent";
  std::string answer;
  std::array<std::uint8_t, 4096> part{};
  for (;;) {
    const auto n = lab::receive_some(socket->get(), part);
    if (!n || n->value_or(0) == 0) return answer;
    answer += base::as_text(base::BytesView(part).first(**n));
  }
}

std::string status_of(const std::string& answer) {
  return answer.substr(0, answer.find("\r\n"));
}
std::string body_of(const std::string& answer) {
  const std::size_t at = answer.find("\r\n\r\n");
  const std::string body = at == std::string::npos ? "" : answer.substr(at + 4);
  return body.substr(0, body.find('\n'));
}

// The agent listens before it has reached its custodian.
bool agent_is_ready(const std::string& agent) {
  std::string answer;
  for (int attempt = 0; attempt < 400; ++attempt) {
    answer = ask(agent, "GET", "/v1/health");
    if (status_of(answer) == "HTTP/1.1 200 OK") return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  say("not_ready", status_of(answer));
  return false;
}

// What a worker's application does, but for what it would do with the key.
int work(const std::string& agent, const std::string& agent_on_tcp, const std::string& key,
         const std::string& other_key) {
  if (!agent_is_ready(agent)) return 1;
  const auto tell = [&](const std::string& name, const std::string& answer, bool with_body) {
    say(name, status_of(answer));
    if (with_body) say(name + "_body", body_of(answer));
  };
  const std::string granted = ask(agent, "GET", "/v1/keys/" + key);
  tell("granted", granted, false);  // a key is nothing for a console
  say("granted_has_key", body_of(granted).find("\"key\":\"") != std::string::npos);
  tell("refused", ask(agent, "GET", "/v1/keys/" + other_key), true);
  tell("sign", ask(agent, "POST", "/v1/sign/" + key, R"({"message": "cGF5IDEwIHRvIGNhcm9s"})"),
       true);
  tell("attestation", ask(agent, "GET", "/v1/attestation?nonce=00112233&user_data=cafe"), true);
  tell("with_a_key", ask(agent, "GET", "/v1/attestation?public_key=" + std::string(88, '0')), true);
  tell("health", ask(agent, "GET", "/v1/health"), true);
  const std::string over_tcp = ask(agent_on_tcp, "GET", "/v1/keys/" + key);
  tell("over_tcp", over_tcp, false);
  say("over_tcp_the_same_key", body_of(over_tcp) == body_of(granted));
  return 0;
}

}  // namespace

int main(int argc, char** argv, char** environment) {
  const std::string what = argc > 1 ? argv[1] : "report";
  if (what == "report") return report(environment);
  if (what == "mint") return mint();
  if (what == "exit" && argc == 3) return std::atoi(argv[2]);
  if (what == "work" && argc == 7) {
    report(environment);
    if (mint() != 0 || work(argv[2], argv[3], argv[4], argv[5]) != 0) return 1;
    return std::atoi(argv[6]);
  }
  say("ready", static_cast<long>(::getpid()));
  for (;;)
    ::pause();
}
