// A relay that cuts streams, starts parties anew and second ones beside them, and leads and changes
// what it carries: nobody may be in two groups, and once it stops all meet in time. Virtual time.
#include <gmock/gmock.h>

#include "session/messaging/run.hpp"
#include "tests/session_forming/session_world.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using std::chrono::milliseconds;
using std::chrono::seconds;

struct Figures {
  std::size_t new_keys = 0, resumed = 0, stranded = 0, slowest = 0;
};

class Meeting {
 public:
  Meeting(std::uint64_t seed, std::size_t parties)
      : parties_(parties), world_(parties), net_(world_, seed), descriptor_(world_.descriptor()) {
    for (PartyIndex index = 1; index <= parties; ++index)
      net_.start(index, descriptor_);
  }

  void disturb() {
    wild_ = pick(30);
    net_.route = [this](const Instance&, PartyIndex party) {
      return pick(8) == 0 ? &net_.instances()[pick(net_.instances().size())] : net_.latest(party);
    };
    net_.carry = [this](const Instance&, const Instance&, Bytes piece) {
      return carried(std::move(piece));
    };
    for (int i = 0; i < 50; ++i) {
      net_.run(milliseconds(20 + pick(600)));
      strike();
      own();
    }
    net_.route = [this](const Instance&, PartyIndex party) { return net_.latest(party); };
    net_.carry = [](const Instance&, const Instance&, Bytes piece) {
      return std::vector<Bytes>{std::move(piece)};
    };
    // One of each party is left.
    for (Instance& instance : net_.instances()) {
      if (instance.is_alive && net_.latest(instance.index) != &instance) net_.stop(instance);
    }
  }

  // How long it took; nullopt: they did not meet.
  std::optional<seconds> meet() {
    for (seconds waited(0); waited < limits::kFormingTime; ++waited) {
      if (have_met()) return waited;
      net_.run(seconds(1));
      own();
    }
    return std::nullopt;
  }

  [[nodiscard]] std::string fault() {
    for (const Instance& instance : net_.instances()) {
      if (instance.has_signed_two) return "one key signed two groups";
      if (!instance.formed) continue;
      for (const RosterSeat& seat : instance.formed->roster.seats) {
        const Bytes* const signed_by_it = signed_by(seat);
        if (signed_by_it == nullptr || *signed_by_it != instance.formed->encoded_roster) {
          return "party " + std::to_string(seat.index) + " did not sign this group";
        }
      }
    }
    return {};
  }

  void count(Figures& figures) {
    for (const Instance& instance : net_.instances()) {
      figures.new_keys += instance.rosters.size() > 1 ? instance.rosters.size() - 1 : 0;
      figures.resumed += instance.resumed;
    }
    figures.stranded += stranded_;
  }

  [[nodiscard]] std::string state() {
    std::string out;
    for (PartyIndex index = 1; index <= parties_; ++index) {
      const Instance& one = *net_.latest(index);
      out += "\n  " + std::to_string(index) + " " + std::string(to_string(one.forming->state()));
      if (one.forming->error()) out += ": " + one.forming->error()->to_string();
      if (!one.forming->refusals().empty()) {
        out += ", last " + one.forming->refusals().back().error.to_string();
      }
    }
    return out;
  }

 private:
  std::size_t pick(std::size_t n) { return net_.random()() % n; }

  void strike() {
    switch (pick(6)) {
      case 0:
      case 1:
        return net_.cut(pick(3) == 0);
      case 2: {  // starts anew
        Instance* const victim = net_.latest(static_cast<PartyIndex>(1 + pick(parties_)));
        net_.stop(*victim);
        net_.start(victim->index, descriptor_);
        return;
      }
      case 3:  // a second one of it
        if (pick(4) == 0) net_.start(static_cast<PartyIndex>(1 + pick(parties_)), descriptor_);
        return;
      default:
        return;
    }
  }

  std::vector<Bytes> carried(Bytes piece) {
    const std::size_t what = pick(1000);
    if (what >= wild_) return {std::move(piece)};
    if (what % 3 == 0) return {};
    if (what % 3 == 1) return {piece, piece};
    piece[pick(piece.size())] ^= 1;
    return {std::move(piece)};
  }

  // What whoever owns a forming does: begins anew when it failed, and when the run that was formed
  // does not get through its first round because others are not in it.
  void own() {
    for (PartyIndex index = 1; index <= parties_; ++index) {
      Instance& one = *net_.latest(index);
      const bool has_failed = one.forming->state() == FormingState::failed;
      const bool is_stranded = one.formed &&
                               net_.elapsed() - one.formed_at >= messaging::Timing{}.round &&
                               !is_whole(one);
      if (!has_failed && !is_stranded) continue;
      stranded_ += is_stranded ? 1 : 0;
      net_.stop(one);
      net_.start(index, descriptor_);
    }
  }

  bool is_whole(const Instance& formed) {
    for (PartyIndex index = 1; index <= parties_; ++index) {
      const Instance& other = *net_.latest(index);
      if (!other.formed || other.formed->run != formed.formed->run) return false;
    }
    return true;
  }
  bool have_met() { return net_.latest(1)->formed && is_whole(*net_.latest(1)); }

  const Bytes* signed_by(const RosterSeat& seat) {
    for (const Instance& instance : net_.instances()) {
      const auto found = instance.rosters.find(seat.key);
      if (instance.index == seat.index && found != instance.rosters.end()) return &found->second;
    }
    return nullptr;
  }

  std::size_t parties_;
  SessionWorld world_;
  RelayNet net_;
  DescriptorPtr descriptor_;
  std::size_t wild_ = 0, stranded_ = 0;
};

constexpr std::uint64_t kMeetings = 15;
// A round, for who had formed with one that was gone; what is under way when it ends, streams that
// were cut without a word, and the pauses of some who begin anew.
constexpr auto kLongest =
    std::chrono::duration_cast<seconds>(messaging::Timing{}.round + limits::kSilence +
                                        peer::kHandshakeTimeout + 2 * limits::kLastRedial);

TEST(SessionMeeting, AllMeetInTimeOnceNothingDisturbs) {
  Figures figures;
  for (std::uint64_t seed = 1; seed <= kMeetings; ++seed) {
    Meeting meeting(seed, 2 + seed % 5);
    meeting.disturb();
    const auto took = meeting.meet();
    EXPECT_TRUE(took) << "seed " << seed << meeting.state();
    EXPECT_LE(took.value_or(seconds(0)), kLongest) << "seed " << seed;
    EXPECT_EQ(meeting.fault(), "") << "seed " << seed;
    meeting.count(figures);
    if (took) figures.slowest = std::max<std::size_t>(figures.slowest, took->count());
  }
  // The disturbances did what they are for.
  EXPECT_GT(figures.new_keys, 0u);
  EXPECT_GT(figures.resumed, 0u);
  RecordProperty("new_keys", static_cast<int>(figures.new_keys));
  RecordProperty("resumed", static_cast<int>(figures.resumed));
  RecordProperty("stranded", static_cast<int>(figures.stranded));
  RecordProperty("slowest_seconds", static_cast<int>(figures.slowest));
}

}  // namespace
}  // namespace concordat::session
