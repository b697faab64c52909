// Runs a protocol's parties in one process, round by round, as session/messaging would have them:
// every message is checked by every party, whose verdicts must be the same, before any receives.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "session/protocol.hpp"

namespace concordat::session::test {

// A message that its check refused, at every party.
struct Fault {
  Round round = 0;
  PartyIndex from = 0;
  bool is_letter = false;
  base::Error error;
};

struct LockstepResult {
  std::vector<Output> outputs;       // of each party, where the run ended well
  std::optional<Fault> fault;        // the first one
  std::optional<base::Error> ended;  // by send, receive or output, which blame nobody
  [[nodiscard]] std::string what() const {
    if (fault) {
      return "party " + std::to_string(fault->from) + " in round " + std::to_string(fault->round) +
             ": " + fault->error.to_string();
    }
    return ended ? ended->to_string() : "ended well";
  }
};

// What the wire saw, for tests that look at it. Letters as they were sent, after tampering.
using Sent = std::map<PartyIndex, Outgoing>;

class Lockstep {
 public:
  struct Hooks {
    // Changes what a party sends, before anybody sees it.
    std::function<void(Round, PartyIndex, Outgoing&)> tamper;
    // A rushing party: it has seen everything of the round that others sent.
    std::function<void(Round, Sent&)> rush;
  };

  // The parties' objects in the order of `parties`, and the seats that they were begun with.
  Lockstep(std::vector<PartyIndex> parties, std::vector<std::unique_ptr<Protocol>> protocols)
      : parties_(std::move(parties)), protocols_(std::move(protocols)) {}

  // One that was made by ProtocolKind::watch: it must say of every message what the parties say.
  void watch_with(std::unique_ptr<Protocol> watcher) { watcher_ = std::move(watcher); }

  [[nodiscard]] LockstepResult run(const Hooks& hooks) {
    LockstepResult result;
    for (Round round = 1; round <= protocols_.front()->rounds(); ++round) {
      step(round, hooks, result);
      if (result.fault || result.ended) return result;
    }
    for (const auto& protocol : protocols_) {
      auto output = protocol->output();
      if (!output) {
        result.ended = output.error();
        return result;
      }
      result.outputs.push_back(*std::move(output));
      EXPECT_EQ(result.outputs.back().result, result.outputs.front().result);
    }
    return result;
  }
  [[nodiscard]] LockstepResult run() { return run(Hooks{}); }

 private:
  void step(Round round, const Hooks& hooks, LockstepResult& result) {
    Sent sent;
    const RoundShape shape = protocols_.front()->shape(round);
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      EXPECT_EQ(protocols_[i]->rounds(), protocols_.front()->rounds());
      EXPECT_EQ(protocols_[i]->shape(round).broadcast, shape.broadcast);
      EXPECT_EQ(protocols_[i]->shape(round).letter, shape.letter);
      auto outgoing = protocols_[i]->send(round);
      if (!outgoing) {
        result.ended = outgoing.error();
        return;
      }
      expect_fits(parties_[i], shape, *outgoing);
      if (hooks.tamper) hooks.tamper(round, parties_[i], *outgoing);
      sent.emplace(parties_[i], *std::move(outgoing));
    }
    if (hooks.rush) hooks.rush(round, sent);
    result.fault = check(round, sent);
    if (!result.fault) receive(round, sent, result);
  }

  void expect_fits(PartyIndex from, const RoundShape& shape, const Outgoing& outgoing) const {
    EXPECT_LE(outgoing.broadcast.size(), shape.broadcast);
    EXPECT_EQ(outgoing.letters.size(), shape.letter > 0 ? parties_.size() - 1 : 0);
    for (const auto& [to, letter] : outgoing.letters) {
      EXPECT_NE(to, from);
      EXPECT_LE(letter.size(), shape.letter);
    }
  }

  [[nodiscard]] static std::string text(const base::Status& verdict) {
    return verdict ? "taken" : verdict.error().to_string();
  }

  // What every party says of one message; they must agree.
  [[nodiscard]] base::Status verdict(
      const std::function<base::Status(const Protocol&)>& ask) const {
    base::Status first = ask(*protocols_.front());
    for (const auto& protocol : protocols_)
      EXPECT_EQ(text(ask(*protocol)), text(first));
    if (watcher_) {
      EXPECT_EQ(text(ask(*watcher_)), text(first));
    }
    return first;
  }

  [[nodiscard]] std::optional<Fault> check(Round round, const Sent& sent) const {
    for (const auto& [from, outgoing] : sent) {
      const auto said = verdict([&, &author = from, &out = outgoing](const Protocol& protocol) {
        return protocol.check_broadcast(round, author, out.broadcast);
      });
      if (!said) return Fault{round, from, false, said.error()};
    }
    std::map<PartyIndex, base::Bytes> broadcasts;
    for (const auto& [from, outgoing] : sent)
      broadcasts.emplace(from, outgoing.broadcast);
    for (const auto& [from, outgoing] : sent) {
      for (const auto& [to, letter] : outgoing.letters) {
        const auto said =
            verdict([&, author = from, reader = to, &sealed = letter](const Protocol& protocol) {
              return protocol.check_letter(round, author, reader, sealed, broadcasts);
            });
        if (!said) return Fault{round, from, true, said.error()};
      }
    }
    return std::nullopt;
  }

  void receive(Round round, const Sent& sent, LockstepResult& result) {
    for (std::size_t i = 0; i < parties_.size(); ++i) {
      Incoming incoming;
      for (const auto& [from, outgoing] : sent) {
        incoming.broadcasts.emplace(from, outgoing.broadcast);
        const auto letter = outgoing.letters.find(parties_[i]);
        if (letter != outgoing.letters.end())
          incoming.letters.emplace(from, letter->second.clone());
      }
      if (const auto taken = protocols_[i]->receive(round, std::move(incoming)); !taken) {
        result.ended = taken.error();
        return;
      }
    }
    if (!watcher_) return;
    Incoming seen;
    for (const auto& [from, outgoing] : sent)
      seen.broadcasts.emplace(from, outgoing.broadcast);
    EXPECT_EQ(text(watcher_->receive(round, std::move(seen))), "taken");
  }

  std::vector<PartyIndex> parties_;
  std::vector<std::unique_ptr<Protocol>> protocols_;
  std::unique_ptr<Protocol> watcher_;
};

// Seats of `count` parties, numbered from 1, of a run that `tag` tells from others.
[[nodiscard]] inline std::vector<Seat> seats(std::size_t count, std::size_t threshold = 0,
                                             std::uint8_t tag = 1) {
  std::vector<Seat> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].self = static_cast<PartyIndex>(i + 1);
    for (std::size_t j = 0; j < count; ++j)
      out[i].parties.push_back(static_cast<PartyIndex>(j + 1));
    out[i].threshold = threshold;
    out[i].roster.mutable_view()[0] = tag;
  }
  return out;
}

// As seats(), of whoever takes no part.
[[nodiscard]] inline Seat watching(Seat seat) {
  seat.self = 0;
  return seat;
}

}  // namespace concordat::session::test
