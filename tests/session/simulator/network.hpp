// Virtual time and what stands between parties: channels that carry pieces in order, late, and
// break; what was under way is lost with them. Everything by one seed.
#pragma once

#include <functional>
#include <queue>
#include <random>

#include "tests/session/simulator/node.hpp"

namespace concordat::session::test {

using std::chrono::milliseconds;

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  [[nodiscard]] std::size_t below(std::size_t n) { return engine_() % n; }
  [[nodiscard]] bool one_in(std::size_t n) { return below(n) == 0; }
  [[nodiscard]] milliseconds up_to(milliseconds most) {
    return milliseconds(below(static_cast<std::size_t>(most.count()) + 1));
  }

 private:
  std::mt19937_64 engine_;
};

// From when until when these parties are cut off from all others, or (whole) from one another, too.
struct Cut {
  Time from;
  Time until;
  std::set<PartyIndex> parties;
  bool whole = false;
};

struct Weather {
  milliseconds delay{50};    // of a piece, at most
  milliseconds life{2000};   // of a channel, about
  milliseconds redial{300};  // from a break to the next attempt, at most
  std::vector<Cut> cuts;
  std::map<PartyIndex, Time> crashes;
};

class Network {
 public:
  Network(Weather weather, Random& random) : weather_(std::move(weather)), random_(random) {}

  // The party begins when `make` is called, at `when`.
  void add(PartyIndex party, Time when, std::function<std::unique_ptr<Node>(Time)> make);
  // Until nothing happens any more, or `end`.
  void run(Time end);

  [[nodiscard]] Node* node(PartyIndex party) const;
  [[nodiscard]] bool is_dead(PartyIndex party) const;
  // When it was first seen closed.
  [[nodiscard]] std::optional<Time> closed_at(PartyIndex party) const;
  [[nodiscard]] const std::vector<std::string>& complaints() const { return complaints_; }

 private:
  struct Place {
    std::unique_ptr<Node> node;
    std::optional<Time> wakes_at;
    std::optional<Time> closed_at;
  };
  struct End {
    PartyIndex party = 0;
    bool up = false;
    Time up_at;
    Time arrival;               // of the last piece on its way to here
    std::size_t under_way = 0;  // to here
  };
  struct Channel {
    std::array<End, 2> ends;
    bool doomed = false;
  };
  using ChannelPtr = std::shared_ptr<Channel>;
  struct Event {
    Time at;
    std::uint64_t order;
    std::shared_ptr<std::function<void()>> what;
    bool operator<(const Event& other) const {
      return std::tie(other.at, other.order) < std::tie(at, order);
    }
  };

  void at(Time when, std::function<void()> what);
  void dial(PartyIndex a, PartyIndex b);
  [[nodiscard]] bool can_reach(PartyIndex a, PartyIndex b) const;
  void connect(const ChannelPtr& channel, std::size_t side);
  void break_channel(const ChannelPtr& channel);
  void lose(const ChannelPtr& channel, std::size_t side);
  void deliver(const ChannelPtr& channel, std::size_t side, const base::Bytes& piece);
  void pump(PartyIndex party);
  void pump(const ChannelPtr& channel, std::size_t from);
  void after(PartyIndex party);
  void complain(PartyIndex party, const std::string& what);

  Weather weather_;
  Random& random_;
  Time now_;
  std::uint64_t order_ = 0;
  std::priority_queue<Event> events_;
  std::map<PartyIndex, Place> places_;
  std::map<std::pair<PartyIndex, PartyIndex>, ChannelPtr> channels_;
  std::vector<std::string> complaints_;
};

}  // namespace concordat::session::test
