// `kill -9` of the parent at any moment: what it acknowledged is there when it comes up again, what
// it did not is there as a whole or not at all, and its file is in order.
#include <sqlite3.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "deploy/parent/store.hpp"
#include "tests/parent/program.hpp"

namespace concordat::test {
namespace {

using nlohmann::json;
using Content = std::optional<std::string>;  // nullopt: no such entry

constexpr int kRounds = 200;
constexpr int kWriters = 4;
constexpr unsigned kNamesOfWriter = 12;
constexpr unsigned kMaxAcknowledged = 12;  // in one life of the program
constexpr unsigned kMaxSize = 20'000;

// One request after the other on a stream of its own, to names of its own.
struct Writer {
  std::string names;  // what they begin with
  Wire wire;
  // What is under way: names, and what is to be there.
  std::map<std::string, Content> asked;
};

class ParentKillTest : public ::testing::Test {
 protected:
  ParentKillTest() {
    std::signal(SIGPIPE, SIG_IGN);
    json enclaves;
    for (const char* name : {"one", "two"}) {
      enclaves[name] = {{"dial", at(std::string(name) + ".sock")},
                        {"listen", at(std::string(name) + "-relay.sock")},
                        {"role", "custodian"},
                        {"store", "shared"}};
    }
    std::ofstream(path("parent.json"))
        << json{{"enclaves", enclaves}, {"store", {{"sqlite", path("store.db")}}}};
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::string at(const std::string& name) const { return "unix:" + path(name); }
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void start() {
    program_ =
        std::make_unique<ParentProgram>(std::vector<std::string>{"--config", path("parent.json")});
  }
  void kill() {
    program_->signal(SIGKILL);
    program_->wait_for_end();
  }
  [[nodiscard]] Wire open(const std::string& enclave) const {
    Wire wire = Wire::connect(folder_.socket(enclave + "-relay.sock"));
    wire.write(peer::encode_preface(peer::ParentHttpTarget{}));
    EXPECT_EQ(wire.read_preface(), peer::Preface(peer::Answer::ok));
    return wire;
  }

  // Everything in the folder.
  std::map<std::string, std::string> read_all() {
    const Wire wire = open("one");
    std::map<std::string, std::string> found;
    std::string after;
    for (;;) {
      const Reply reply = http(wire, "GET", "/v1/store?max_bytes=50000&after=" + after);
      EXPECT_EQ(reply.status, 200) << reply.body;
      const auto page = keyservice::parse_store_page(base::as_bytes(reply.body)).value();
      for (const auto& entry : page.entries)
        found[entry.name] = base::as_text(entry.content);
      if (!page.more) return found;
      after = page.entries.back().name;
    }
  }

  // What is there is what was acknowledged, or for a request under way what it wanted. From here on
  // it is known.
  void check_everything() {
    std::map<std::string, std::string> found = read_all();
    for (const auto& request : in_doubt_) {
      std::size_t done = 0;
      for (const auto& [name, wanted] : request) {
        const auto there = found.find(name);
        const Content now = there == found.end() ? Content() : Content(there->second);
        done += now == wanted ? 1 : 0;
      }
      ASSERT_TRUE(done == 0 || done == request.size()) << "a batch is there in part";
      for (const auto& [name, wanted] : request)
        if (done != 0) keep(name, wanted);
    }
    in_doubt_.clear();
    ASSERT_EQ(found, kept_);
  }
  void keep(const std::string& name, const Content& content) {
    if (content) {
      kept_[name] = *content;
    } else {
      kept_.erase(name);
    }
  }

  // Makes or replaces several together.
  void ask_together(Writer& writer) {
    keyservice::StoreBatch batch;
    for (unsigned i = 0; i <= pick(4); ++i) {
      const std::string name = writer.names + std::to_string(pick(kNamesOfWriter));
      if (writer.asked.contains(name)) continue;
      const auto there = kept_.find(name);
      const std::string wanted = new_content();
      batch.puts.push_back({name, {}, base::to_bytes(base::as_bytes(wanted))});
      if (there != kept_.end()) {
        batch.puts.back().expected = parent::version_of(base::as_bytes(there->second));
      }
      writer.asked[name] = wanted;
    }
    const base::Bytes body = keyservice::encode_store_batch(batch);
    writer.wire.write(text(
        "POST /v1/store HTTP/1.1\r\nHost: p\r\nContent-Length: " + std::to_string(body.size()) +
        "\r\n\r\n" + std::string(base::as_text(body))));
  }
  std::string new_content() {
    return std::to_string(++written_) + std::string(pick(kMaxSize), static_cast<char>(random_()));
  }

  // Makes, replaces or removes an entry.
  void ask(Writer& writer) {
    if (pick(3) == 0) return ask_together(writer);
    const std::string name = writer.names + std::to_string(pick(kNamesOfWriter));
    const auto there = kept_.find(name);
    std::map<std::string, std::string> condition{{"If-None-Match", "*"}};
    if (there != kept_.end()) {
      condition = {{"If-Match", "\"" + parent::version_of(base::as_bytes(there->second)) + "\""}};
    }
    Content wanted;
    if (there == kept_.end() || pick(4) != 0) {
      wanted = new_content();
    }
    std::string request =
        std::string(wanted ? "PUT" : "DELETE") + " /v1/store/" + name +
        " HTTP/1.1\r\nHost: p\r\nContent-Length: " + std::to_string(wanted ? wanted->size() : 0) +
        "\r\n";
    for (const auto& [header, value] : condition)
      request += header + ": " + value + "\r\n";
    writer.wire.write(text(request + "\r\n" + wanted.value_or("")));
    writer.asked = {{name, wanted}};
  }
  void take_answer(Writer& writer) {
    const auto asked = std::exchange(writer.asked, {});
    const Reply reply = read_reply(writer.wire);
    ASSERT_EQ(reply.status, 204) << reply.body;
    for (const auto& [name, content] : asked)
      keep(name, content);
    ++acknowledged_;
  }

  // Writes by all until that many answers came, then the end, with the other requests under way.
  void write_and_kill(unsigned answers) {
    std::vector<Writer> writers;
    for (int i = 0; i < kWriters; ++i)
      writers.push_back({std::to_string(i) + "-", open(i % 2 == 0 ? "one" : "two"), {}});
    for (unsigned i = 0; i < answers; ++i) {
      for (Writer& writer : writers)
        if (writer.asked.empty()) ask(writer);
      take_answer(writers[pick(kWriters)]);
    }
    for (Writer& writer : writers)
      if (writer.asked.empty() && pick(2) == 0) ask(writer);
    kill();
    for (Writer& writer : writers) {
      if (writer.asked.empty()) continue;
      const auto asked = writer.asked;
      try {
        take_answer(writer);  // it may have come before the end
      } catch (const std::runtime_error&) {
        in_doubt_.push_back(asked);
      }
    }
  }

  void check_file() const {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(path("store.db").c_str(), &database), SQLITE_OK);
    std::string verdict;
    const auto take = [](void* out, int, char** values, char**) {
      *static_cast<std::string*>(out) += values[0];
      return 0;
    };
    EXPECT_EQ(sqlite3_exec(database, "PRAGMA integrity_check", take, &verdict, nullptr), SQLITE_OK);
    EXPECT_EQ(verdict, "ok");
    std::string usage, counted;  // total() is 0 where sum() of nothing is null
    EXPECT_EQ(sqlite3_exec(database, "SELECT total(entries) || ' ' || total(bytes) FROM folders",
                           take, &usage, nullptr),
              SQLITE_OK);
    EXPECT_EQ(
        sqlite3_exec(database, "SELECT total(1) || ' ' || total(length(content)) FROM entries",
                     take, &counted, nullptr),
        SQLITE_OK);
    EXPECT_EQ(usage, counted);
    sqlite3_close(database);
  }

  SocketFolder folder_;
  std::mt19937 random_;
  std::unique_ptr<ParentProgram> program_;
  std::map<std::string, std::string> kept_;
  std::vector<std::map<std::string, Content>> in_doubt_;  // by request
  std::uint64_t written_ = 0, acknowledged_ = 0;
};

TEST_F(ParentKillTest, NothingAcknowledgedIsLostAndNothingIsHalfThere) {
  const auto seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  random_.seed(seed);
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    start();
    if (pick(8) == 0) {  // while it comes up, with what the last one left
      if (pick(2) == 0) program_->wait_for("listening");
      kill();
      continue;
    }
    program_->wait_for("ready");
    check_everything();
    if (HasFatalFailure()) return;
    write_and_kill(pick(kMaxAcknowledged + 1));
    if (HasFatalFailure()) return;
    if (round % 10 == 0) check_file();
  }
  start();
  program_->wait_for("ready");
  check_everything();
  program_->signal(SIGTERM);
  EXPECT_EQ(program_->wait_for_end(), 0);
  check_file();
  EXPECT_GT(acknowledged_, static_cast<std::uint64_t>(kRounds));
}

}  // namespace
}  // namespace concordat::test
