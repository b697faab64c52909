// The real program in a process of its own, its log, and HTTP by hand.
#pragma once

#include <sys/types.h>

#include <map>

#include "tests/relay/relay_fixture.hpp"

namespace concordat::test {

class ParentProgram {
 public:
  explicit ParentProgram(const std::vector<std::string>& arguments);
  ~ParentProgram();
  ParentProgram(const ParentProgram&) = delete;
  ParentProgram& operator=(const ParentProgram&) = delete;

  // Reads the log until a line with this event; its text. Fails when the program ends before.
  std::string wait_for(const std::string& event);
  void signal(int number) const;
  // From now on its files grow no larger.
  void limit_file_size(std::uint64_t bytes) const;
  // Waits for the end; the exit status, -1 after a signal.
  int wait_for_end();
  // Everything written so far; all of it after wait_for_end().
  [[nodiscard]] const std::string& output() const { return output_; }

 private:
  bool read_more();

  pid_t pid_ = -1;
  base::Descriptor log_;
  std::string output_;
  std::size_t searched_ = 0;
};

struct Reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};
// One request on a stream that may be used again.
Reply http(const Wire& wire, const std::string& method, const std::string& path,
           const std::map<std::string, std::string>& headers = {}, const std::string& body = {});
Reply read_reply(const Wire& wire);
// Reads one request with its header, as a server; the whole text.
std::string read_request(const Wire& wire);

}  // namespace concordat::test
