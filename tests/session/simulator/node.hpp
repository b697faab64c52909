// A party as the simulated network sees it.
#pragma once

#include "session/messaging/run.hpp"

namespace concordat::session::test {

using messaging::Time;

class Node {
 public:
  virtual ~Node() = default;

  [[nodiscard]] virtual base::Status connected(PartyIndex party, Time now) = 0;
  virtual void lost(PartyIndex party, Time now) = 0;
  // An error ends the channel.
  [[nodiscard]] virtual base::Status received(PartyIndex party, base::BytesView piece,
                                              Time now) = 0;
  virtual void passed(Time now) = 0;
  [[nodiscard]] virtual std::optional<Time> wakes_at() const = 0;
  [[nodiscard]] virtual base::SecretBytes take(PartyIndex party, std::size_t most) = 0;
  [[nodiscard]] virtual bool is_closed() const = 0;
  // What is wrong with it at this moment, if anything.
  [[nodiscard]] virtual std::string complaint() const { return {}; }
};

// What whoever owns a run does at once.
inline void seal(messaging::Run& run, Time now) {
  if (run.to_seal() != nullptr) run.sealed(now);
}

class HonestNode final : public Node {
 public:
  explicit HonestNode(std::unique_ptr<messaging::Run> run) : run_(std::move(run)) {}

  base::Status connected(PartyIndex party, Time now) override {
    return run_->connected(party, now);
  }
  void lost(PartyIndex party, Time now) override { run_->lost(party, now); }
  base::Status received(PartyIndex party, base::BytesView piece, Time now) override {
    const base::Status taken = run_->received(party, piece, now);
    seal(*run_, now);
    return taken;
  }
  void passed(Time now) override { run_->passed(now); }
  std::optional<Time> wakes_at() const override { return run_->wakes_at(); }
  base::SecretBytes take(PartyIndex party, std::size_t most) override {
    return run_->take(party, most);
  }
  bool is_closed() const override { return run_->is_closed(); }
  std::string complaint() const override {
    if (run_->held() <= run_->most_held()) return {};
    return "holds " + std::to_string(run_->held()) + " bytes of " +
           std::to_string(run_->most_held());
  }
  [[nodiscard]] messaging::Run& run() { return *run_; }

 private:
  std::unique_ptr<messaging::Run> run_;
};

}  // namespace concordat::session::test
