// A custodian's keyring in a process of its own, over the store of a real parent, for
// the tests beside it: it is told on standard input what to do and says on standard output what
// came of it, each a line.
//
//   custody_process RELAY_SOCKET
//     -> loaded | failed CODE            then one line of answer for each command, in any order
//     ID create NAME                     -> ID ok
//     ID rotate NAME NEWEST              -> ID ok
//     ID disable|enable|destroy NAME     -> ID ok
//     ID use LIMIT                       -> ID ok
//     ID sign|get NAME                   -> ID ok, without a use that is counted
//     ID list                            -> ID NAME STATE NEWEST FINGERPRINT..., for each key; ID
//     ok
//   any of them                          -> ID error CODE
//
// A fingerprint is the SHA-256 of a version's material; "-" where there is none.
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/read_until.hpp>
#include <csignal>
#include <iostream>
#include <sstream>

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/key_operations.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/parent_journal_store_io.hpp"

namespace {

using namespace concordat;
using namespace concordat::keyservice;

constexpr std::chrono::milliseconds kTimeout = std::chrono::seconds(10);
constexpr base::UnixMillis kNow{1767700000000};
constexpr std::uint32_t kGeneration = 1;

class Process {
 public:
  explicit Process(const std::string& relay)
      : store_(io_, peer::UnixEndpoint{relay}, kTimeout), input_(io_, ::dup(STDIN_FILENO)) {
    base::Bytes root(kRootSize, 7);  // the test's own: every life has the same
    custody_.take(Root::create(kGeneration, base::SecretBytes::take(root)).value(), "acme");
  }

  void run() {
    custody_.load([this](const base::Status& loaded) {
      std::cout << (loaded ? "loaded" : "failed " + std::string(loaded.error().name()))
                << std::endl;
      if (loaded) read_command();
    });
    io_.run();
  }

 private:
  void read_command() {
    boost::asio::async_read_until(input_, boost::asio::dynamic_buffer(text_), '\n',
                                  [this](boost::system::error_code error, std::size_t size) {
                                    if (error) return;
                                    std::istringstream line(text_.substr(0, size));
                                    text_.erase(0, size);
                                    perform(line);
                                    read_command();
                                  });
  }

  void perform(std::istringstream& line) {
    std::string id, what, name;
    line >> id >> what >> name;
    const auto answer = [id](const auto& done) {
      std::cout << id << (done ? " ok" : " error " + std::string(done.error().name())) << std::endl;
    };
    Keyring& keyring = custody_.keyring();
    if (what == "create") {
      keyring.create({name, KeyType::aes256, false, kNow, fresh()}, answer);
    } else if (what == "rotate") {
      std::uint32_t newest = 0;
      line >> newest;
      keyring.rotate({name, newest, kNow, fresh(), false}, answer);
    } else if (what == "use") {
      policy::Grant grant;
      grant.role = "worker";
      grant.keys = "k";
      grant.operations = {policy::Operation::sign};
      keyring.uses().use(identity_of(grant), std::stoull(name), answer);
    } else if (what == "sign") {
      answer(operations_.perform(SignRequest{name, {1, 2, 3}}, kNow));
    } else if (what == "get") {
      answer(operations_.perform(GetRequest{name, 0}, kNow));
    } else if (what == "list") {
      custody_.load([this, id, answer](const base::Status& refreshed) {
        refreshed ? list(id) : answer(refreshed);
      });
    } else {
      const VersionState state = what == "enable"    ? VersionState::enabled
                                 : what == "disable" ? VersionState::disabled
                                                     : VersionState::destroyed;
      keyring.set_state(name, 0, state, true, answer);
    }
  }

  NewVersion fresh() {
    return {KeyOrigin::generated, 0, generate(KeyType::aes256, random_).value()};
  }

  void list(const std::string& id) {
    for (const auto& [name, record] : custody_.keyring().keys().records()) {
      std::cout << id << " " << name << " " << static_cast<int>(record.state) << " "
                << record.key.versions.back().version;
      for (const KeyVersion& version : record.key.versions) {
        const base::BytesView material = version.material.expose(base::SecretAccess{});
        std::cout << " " << (material.empty() ? "-" : base::sha256({material}).hex());
      }
      std::cout << "\n";
    }
    std::cout << id << " ok" << std::endl;
  }

  boost::asio::io_context io_{1};
  base::SystemRandom random_;
  ParentJournalStore store_;
  Custody custody_{store_, random_};
  KeyOperations operations_{custody_};
  boost::asio::posix::stream_descriptor input_;
  std::string text_;
};

}  // namespace

int main(int, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  Process(argv[1]).run();
}
