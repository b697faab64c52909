#include "keyservice/custody_keeper_io.hpp"

#include "keyservice/audit_events.hpp"
#include "keyservice/keyring/state/due_rotations.hpp"

namespace concordat::keyservice {

using base::Status;

namespace {

constexpr std::chrono::milliseconds kFirstReload{200};
constexpr std::chrono::milliseconds kLongestReload = std::chrono::seconds(10);

}  // namespace

CustodyKeeper::CustodyKeeper(boost::asio::io_context& io, Custody& custody, peer::Party& party,
                             base::Logger& log, CustodyKeeperTimes times)
    : custody_(custody),
      administration_(custody),
      party_(party),
      log_(log),
      times_(times),
      timer_(io),
      backoff_(kFirstReload, kLongestReload) {}

void CustodyKeeper::start() {
  ++round_;
  is_loaded_ = false;
  trouble_.clear();
  backoff_.reset();
  timer_.cancel();
  load();
}

void CustodyKeeper::stop() {
  ++round_;
  timer_.cancel();
}

void CustodyKeeper::load() {
  if (!custody_.has_root()) return;  // the next start goes on
  try {
    custody_.load([this, alive = alive_, round = round_](const Status& loaded) {
      if (!*alive || round != round_) return;
      try {
        on_loaded(loaded);
      } catch (const std::bad_alloc&) {
        load_after(times_.refresh);
      }
    });
  } catch (const std::bad_alloc&) {
    load_after(times_.refresh);
  }
}

void CustodyKeeper::on_loaded(const Status& loaded) {
  if (!loaded) {
    // Once for each trouble: it is asked again for as long as it lasts.
    if (trouble_ != loaded.error().name()) {
      log_.error(is_loaded_ ? "keyring_not_refreshed" : "keyring_not_loaded", loaded.error());
    }
    trouble_ = loaded.error().name();
    return load_after(backoff_.next(*party_.random));
  }
  if (!is_loaded_) {
    const Keyring& keyring = custody_.keyring();
    log_.info("keyring_loaded", {{"keys", keyring.keys().records().size()},
                                 {"position", keyring.journal().head().position}});
  } else if (!trouble_.empty()) {
    log_.info("keyring_refreshed", {{"after", trouble_}});
  }
  is_loaded_ = true;
  trouble_.clear();
  backoff_.reset();
  load_after(times_.refresh);
  rotate_if_due();
}

void CustodyKeeper::rotate_if_due() {
  const auto now = party_.clock();
  if (!now || (recorder_ != nullptr && !recorder_->ready())) return;
  if (looked_for_rotations_ && now->monotonic - *looked_for_rotations_ < times_.rotation) return;
  looked_for_rotations_ = now->monotonic;
  const auto policy = party_.policies->at(now->wall);
  // Not on a state that is older than what was seen of it: that would make another one of it.
  if (!policy || !custody_.check(**policy)) return;
  const auto due = due_rotations(custody_.keyring().keys(), (*policy)->model().rotation, now->wall);
  for (const DueRotation& one : due) {
    // Another custodian may come first: then the newest version is another one, and nothing is due.
    administration_.change(
        RotateKeyRequest{one.name, one.newest_version, false}, now->wall,
        [this, alive = alive_, name = one.name](const base::Result<KeySummary>& rotated) {
          if (*alive) on_rotated(name, rotated);
        });
  }
}

void CustodyKeeper::on_rotated(const std::string& name, const base::Result<KeySummary>& rotated) {
  if (const auto now = party_.clock(); now && recorder_ != nullptr) {
    recorder_->record(audit_events::rotated(name, rotated), now->wall, [](const Status&) {});
  }
  if (!rotated) return log_.error("key_not_rotated", rotated.error(), {{"key", name}});
  log_.info("key_rotated", {{"key", name}, {"version", rotated->newest_version}});
}

void CustodyKeeper::load_after(std::chrono::milliseconds pause) {
  timer_.expires_after(pause);
  timer_.async_wait(
      peer::with(memory_, [this, alive = alive_, round = round_](boost::system::error_code error) {
        if (!error && *alive && round == round_) load();
      }));
}

}  // namespace concordat::keyservice
