#include "tests/parent/etcd_server.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "attest/base/descriptor.hpp"
#include "attest/base/file.hpp"
#include "deploy/parent/http_io.hpp"

namespace concordat::test {
namespace {

constexpr const char* kProgram = "/usr/bin/etcd";
constexpr std::chrono::milliseconds kPatience = std::chrono::seconds(30);

std::string url(const std::string& scheme, const peer::TcpEndpoint& at) {
  return scheme + "://" + at.host + ":" + std::to_string(at.port);
}

}  // namespace

std::uint16_t free_port() {
  const base::Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::runtime_error("no port");
  }
  return ntohs(address.sin_port);
}

bool EtcdServer::installed() {
  return ::access(kProgram, X_OK) == 0;
}

EtcdServer::EtcdServer(std::vector<std::string> options, std::string scheme)
    : options_(std::move(options)),
      scheme_(std::move(scheme)),
      client_{"127.0.0.1", free_port()},
      peer_{"127.0.0.1", free_port()} {
  std::string pattern = (std::filesystem::temp_directory_path() / "etcd-XXXXXX").string();
  folder_ = ::mkdtemp(pattern.data());
  start();
}

EtcdServer::~EtcdServer() {
  stop();
  std::filesystem::remove_all(folder_);
}

void EtcdServer::start() {
  std::vector<std::string> words{kProgram,
                                 "--data-dir=" + (folder_ / "data").string(),
                                 "--listen-client-urls=" + url(scheme_, client_),
                                 "--advertise-client-urls=" + url(scheme_, client_),
                                 "--listen-peer-urls=" + url("http", peer_),
                                 "--initial-advertise-peer-urls=" + url("http", peer_),
                                 "--initial-cluster=default=" + url("http", peer_)};
  words.insert(words.end(), options_.begin(), options_.end());
  std::vector<char*> argv;
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  const std::string log = (folder_ / "log").string();
  const base::Descriptor theirs(
      ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(theirs.get(), STDERR_FILENO);
    ::dup2(theirs.get(), STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  wait_until_it_serves();
}

// It listens long before it serves, and one that is killed in between does not come up again: its
// log says when.
void EtcdServer::wait_until_it_serves() const {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::string log;
  while (std::chrono::steady_clock::now() < deadline && ::waitpid(pid_, nullptr, WNOHANG) == 0) {
    log = base::as_text(base::read_file(folder_ / "log", 1 << 24).value());
    if (log.find("ready to serve client requests") != std::string::npos) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  throw std::runtime_error("etcd did not start:\n" + log);
}

void EtcdServer::stop() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string EtcdServer::ask(const std::string& path, const std::string& body) const {
  boost::asio::io_context io;
  std::string answer;
  parent::async_http_call(io, client_, {"POST", path, client_.host, {}, body}, kPatience,
                          [&](base::Result<parent::HttpReply> reply) {
                            answer = reply ? reply->body : reply.error().to_string();
                          });
  io.run();
  return answer;
}

}  // namespace concordat::test
