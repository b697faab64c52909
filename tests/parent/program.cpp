#include "tests/parent/program.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace concordat::test {
namespace {

std::string read_header(const Wire& wire) {
  std::string text;
  while (!text.ends_with("\r\n\r\n")) {
    const base::Bytes byte = wire.read(1);
    if (byte.empty()) throw std::runtime_error("the stream ended in a header: " + text);
    text += static_cast<char>(byte[0]);
  }
  return text;
}

std::string lower(std::string text) {
  for (char& c : text)
    c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

ParentProgram::ParentProgram(const std::vector<std::string>& arguments) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  log_ = base::Descriptor(ends[0]);
  const base::Descriptor theirs(ends[1]);
  std::vector<std::string> words{CONCORDAT_PARENT_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words)
    argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(theirs.get(), STDERR_FILENO);
    ::dup2(theirs.get(), STDOUT_FILENO);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
}

ParentProgram::~ParentProgram() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

bool ParentProgram::read_more() {
  std::array<char, 4096> chunk{};
  const ssize_t n = ::read(log_.get(), chunk.data(), chunk.size());
  if (n <= 0) return false;
  output_.append(chunk.data(), static_cast<std::size_t>(n));
  return true;
}

std::string ParentProgram::wait_for(const std::string& event) {
  for (;;) {
    const std::size_t end = output_.find('\n', searched_);
    if (end == std::string::npos) {
      if (!read_more()) throw std::runtime_error("ended without " + event + ":\n" + output_);
      continue;
    }
    const std::string line = output_.substr(searched_, end - searched_);
    searched_ = end + 1;
    if (line.find("\"event\":\"" + event + "\"") != std::string::npos) return line;
  }
}

void ParentProgram::signal(int number) const {
  ::kill(pid_, number);
}

void ParentProgram::limit_file_size(std::uint64_t bytes) const {
  rlimit limit{};
  ::prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit);
  limit.rlim_cur = bytes;
  ::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr);
}

int ParentProgram::wait_for_end() {
  while (read_more()) {
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Reply read_reply(const Wire& wire) {
  Reply reply;
  const std::string text = read_header(wire);
  reply.status = std::stoi(text.substr(text.find(' ') + 1));
  for (std::size_t at = text.find("\r\n") + 2; at < text.size() - 2;) {
    const std::size_t end = text.find("\r\n", at);
    const std::size_t colon = text.find(": ", at);
    reply.headers[lower(text.substr(at, colon - at))] = text.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  const auto length = reply.headers.find("content-length");
  if (length != reply.headers.end()) {
    reply.body = base::as_text(wire.read(std::stoul(length->second)));
  }
  return reply;
}

Reply http(const Wire& wire, const std::string& method, const std::string& path,
           const std::map<std::string, std::string>& headers, const std::string& body) {
  std::string request = method + " " + path + " HTTP/1.1\r\nHost: parent\r\n";
  for (const auto& [name, value] : headers)
    request += name + ": " + value + "\r\n";
  request += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  wire.write(text(request));
  return read_reply(wire);
}

std::string read_request(const Wire& wire) {
  return read_header(wire);
}

}  // namespace concordat::test
