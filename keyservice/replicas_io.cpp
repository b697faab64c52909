#include "keyservice/replicas_io.hpp"

#include <algorithm>

#include "keyservice/limits.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;

Replicas::Replicas(boost::asio::io_context& io, peer::Party& party, peer::NsmWorker& nsm,
                   Custody& custody, base::Logger& log, ReplicaOptions options,
                   ReplicaLink::OnHead on_head)
    : io_(io),
      party_(party),
      nsm_(nsm),
      custody_(custody),
      log_(log),
      options_(std::move(options)),
      on_head_(std::move(on_head)),
      patience_(io),
      ticker_(io) {
  for (const std::string& name : options_.custodians)
    add(name);
}

void Replicas::add(const std::string& custodian) {
  links_.push_back(std::make_unique<ReplicaLink>(io_, party_, nsm_, custody_, log_, options_.relay,
                                                 custodian, on_head_));
}

void Replicas::know(const std::vector<std::string>& announced) {
  const auto is_named = [&](const std::string& name) {
    return std::ranges::find(options_.custodians, name) != options_.custodians.end() ||
           std::ranges::find(announced, name) != announced.end();
  };
  // Not while one after the other is asked.
  if (!fetch_) {
    std::erase_if(links_, [&](const auto& link) {
      const bool is_forgotten = !is_named(link->name()) && !link->is_connected();
      if (is_forgotten) log_.info("custodian_forgotten", {{"custodian", link->name()}});
      return is_forgotten;
    });
  }
  for (const std::string& name : announced) {
    const auto has_name = [&](const auto& link) { return link->name() == name; };
    if (links_.size() >= kMaxCustodians || std::ranges::any_of(links_, has_name)) continue;
    log_.info("custodian_announced", {{"custodian", name}});
    add(name);
    if (!stopped_) links_.back()->start();
  }
}

template <class Step>
void Replicas::guarded(const Step& step) {
  try {
    step();
  } catch (const std::bad_alloc&) {
    finish(Error(Errc::out_of_memory));
  }
}

void Replicas::start() {
  stopped_ = false;
  for (const auto& link : links_)
    link->start();
  wait_for_tick();
}

void Replicas::stop() {
  stopped_ = true;
  fetch_.reset();
  patience_.cancel();
  ticker_.cancel();
  for (const auto& link : links_)
    link->stop();
}

void Replicas::fetch_root(const policy::RootGeneration& pinned, ReplicaLink::OnRoot done) {
  const auto commitment = RootCommitment::from(pinned.commitment);
  if (!commitment) return done(commitment.error());
  fetch_.emplace(Fetch{{++last_request_, pinned.generation, *commitment}, std::move(done)});
  guarded([this] { ask_next(); });
}

void Replicas::ask_next() {
  if (fetch_->next == links_.size()) return finish(fetch_->why);
  ReplicaLink& link = *links_[fetch_->next++];
  patience_.expires_after(options_.patience / links_.size());
  patience_.async_wait(peer::with(patience_memory_, [this, alive = alive_, name = link.name()](
                                                        boost::system::error_code error) {
    if (error || !*alive || stopped_) return;
    guarded([&] { give_up(name); });
  }));
  link.ask(fetch_->request, [this, name = link.name()](Result<Root> root) {
    if (!fetch_) return;
    if (root) {
      log_.info("root_received", {{"custodian", name}, {"generation", root->generation()}});
    } else {
      log_.warn(
          "root_not_received",
          {{"custodian", name}, {"code", root.error().name()}, {"detail", root.error().detail()}});
    }
    guarded([&] { on_root(std::move(root)); });
  });
}

void Replicas::give_up(const std::string& custodian) {
  for (const auto& link : links_) {
    if (link->name() != custodian) continue;
    return link->give_up(Error(Errc::timed_out, "custodian " + custodian));
  }
}

void Replicas::on_root(Result<Root> root) {
  if (root) return finish(std::move(root));
  fetch_->why = root.error();
  ask_next();
}

void Replicas::finish(Result<Root> root) {
  patience_.cancel();
  if (!fetch_) return;
  const auto done = std::move(fetch_->done);
  fetch_.reset();
  done(std::move(root));
}

void Replicas::root_ready() {
  for (const auto& link : links_)
    link->tick();
}

void Replicas::wait_for_tick() {
  // First of all, and in memory that is there: whatever is lacking now, there is a next time.
  ticker_.expires_after(options_.tick);
  ticker_.async_wait(
      peer::with(tick_memory_, [this, alive = alive_](boost::system::error_code error) {
        if (error || !*alive || stopped_) return;
        wait_for_tick();
        for (const auto& link : links_)
          link->tick();
        if (ticked_) ticked_();
      }));
}

void Replicas::policy_changed() {
  for (const auto& link : links_)
    link->policy_changed();
}

void Replicas::policy_lapsed(const Error& why) {
  for (const auto& link : links_)
    link->policy_lapsed(why);
}

}  // namespace concordat::keyservice
