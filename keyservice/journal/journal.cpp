#include "keyservice/journal/journal.hpp"

#include "keyservice/journal/errc.hpp"

namespace concordat::keyservice::journal {

using base::Error;
using base::Result;
using base::Status;

Journal::Journal(Store& store, Fold& fold, Sealer sealer)
    : store_(store),
      chain_(fold, std::move(sealer)),
      reader_(store, chain_),
      snapshots_(store, chain_) {}

std::uint64_t Journal::entries_since_snapshot() const noexcept {
  return head().position - snapshot_position();
}

template <class Body>
auto Journal::then(const AppendingPtr& appending, Body body) {
  return lifetime_.guard(std::move(body),
                         [this, appending] { fail(appending, Error(Errc::out_of_memory)); });
}

void Journal::write_snapshot(Done done) {
  if (entries_since_snapshot() == 0) return done({});
  snapshots_.write(std::move(done));
}

void Journal::enqueue(std::function<void()> task) {
  tasks_.push_back(std::move(task));
  run_tasks();
}

// In a loop, not by recursion: a store that answers at once would pile the queue up on the stack.
void Journal::run_tasks() {
  if (is_running_tasks_) return;
  is_running_tasks_ = true;
  const auto alive = lifetime_.watch();
  while (!is_busy_ && !tasks_.empty()) {
    const auto task = std::move(tasks_.front());
    tasks_.pop_front();
    is_busy_ = true;
    try {
      task();
    } catch (const std::bad_alloc&) {
      // Of what was told its end. The others run when the next one comes or ends.
      if (!alive.expired()) is_running_tasks_ = false;
      throw;
    }
    if (alive.expired()) return;
  }
  is_running_tasks_ = false;
}

template <class Completion>
void Journal::end_task(const Completion& completion) {
  is_busy_ = false;
  const auto alive = lifetime_.watch();
  try {
    completion();
  } catch (const std::bad_alloc&) {  // its owner's loss, and not of those who wait behind it
    if (!alive.expired()) run_tasks();
    throw;
  }
  if (!alive.expired()) run_tasks();
}

// `read` is told what to call when it is through.
template <class Read>
void Journal::enqueue_reading(Done done, Read read) {
  const auto waiting = std::make_shared<Done>(std::move(done));
  const auto end = [this, waiting](Status status) {
    if (const Done told = std::exchange(*waiting, nullptr)) {
      end_task([&] { told(std::move(status)); });
    }
  };
  enqueue(lifetime_.guard([read, end] { read(end); }, [end] { end(Error(Errc::out_of_memory)); }));
}

void Journal::load(Done done) {
  enqueue_reading(std::move(done), [this](const Done& end) {
    reader_.load([this, end](Status status) {
      loaded_ = loaded_ || status.has_value();
      end(std::move(status));
    });
  });
}

void Journal::refresh(Done done) {
  enqueue_reading(std::move(done), [this](const Done& end) {
    loaded_ ? reader_.follow(end) : end(Error(Errc::not_loaded));
  });
}

void Journal::append(Decide decide, OnAppended done) {
  append_under(0, std::move(decide), std::move(done));
}

void Journal::append_under(std::uint32_t generation, Decide decide, OnAppended done) {
  const auto appending = std::make_shared<Appending>();
  appending->wanted_generation = generation;
  appending->decide = std::move(decide);
  appending->done = std::move(done);
  enqueue([this, appending] {
    if (!loaded_) return fail(appending, Error(Errc::not_loaded));
    then(appending, [this, appending] { attempt(appending); })();
  });
}

void Journal::end(const AppendingPtr& appending, Result<Head> result) {
  // What its completion throws, for want of memory, is no second end.
  if (const OnAppended done = std::exchange(appending->done, nullptr)) {
    end_task([&] { done(std::move(result)); });
  }
}

void Journal::fail(const AppendingPtr& appending, Error error) {
  if (!appending->may_be_written) return end(appending, std::move(error));
  std::string detail;
  try {
    detail = described(appending->place) + ": " + error.to_string();
  } catch (const std::bad_alloc&) {  // then without
  }
  end(appending, Error(Errc::outcome_unknown, std::move(detail)));
}

void Journal::attempt(const AppendingPtr& appending) {
  if (++appending->attempts > kMaxAttempts) return fail(appending, Error(Errc::contended));
  appending->generation =
      appending->wanted_generation != 0 ? appending->wanted_generation : chain_.generation();
  auto content = appending->decide();
  if (!content) return fail(appending, content.error());
  if (content->empty() || content->size() > kMaxContent) {
    return fail(appending,
                Error(Errc::content_too_large, std::to_string(content->size()) + " bytes"));
  }
  if (const Status able = check_generation(appending->generation); !able) {
    return fail(appending, able.error());
  }
  appending->content = *std::move(content);
  appending->place = entry_after(head());
  appending->after.reset();
  if (head().position != 0) {
    appending->after = Predecessor{entry_name(head().position), head().hash};
  }
  auto sealed = chain_.sealer().seal(appending->place, appending->content, appending->generation);
  if (!sealed) return fail(appending, sealed.error());
  appending->sealed = *std::move(sealed);
  appending->hash = hash_of(appending->sealed);
  appending->writes = 0;
  offer(appending);
}

Status Journal::check_generation(std::uint32_t generation) const {
  if (!chain_.sealer().holds(generation)) {
    return Error(Errc::unknown_generation,
                 "to write under root generation " + std::to_string(generation));
  }
  if (head().position != 0 && generation < chain_.generation()) {
    return Error(Errc::generation_passed, std::to_string(chain_.generation()) + " has taken over");
  }
  return {};
}

void Journal::offer(const AppendingPtr& appending) {
  ++appending->writes;
  // Until the store says otherwise: even a call that fails here may have reached it.
  appending->could_be_written_before = std::exchange(appending->may_be_written, true);
  store_.create(appending->place.name, appending->after, appending->sealed,
                then(appending,
                     [this, appending](const Status& created) { on_created(appending, created); }));
}

void Journal::on_created(const AppendingPtr& appending, const Status& created) {
  if (created) {
    // Ours to be folded by another look, should there be no memory for it now.
    // The first entry has no predecessor by which the store could tell that it comes too late:
    // others may have got far, and removed theirs of position 1.
    if (!appending->after) return look(appending);
    const Status folded =
        chain_.acknowledge(appending->hash, appending->content, appending->generation);
    return folded ? end(appending, head()) : end(appending, folded.error());
  }
  const bool is_refusal = created.error().is(Errc::position_taken) ||
                          created.error().is(Errc::predecessor_missing) ||
                          created.error().is(Errc::store_full);
  if (is_refusal) appending->may_be_written = appending->could_be_written_before;
  appending->failure = created.error();
  if (created.error().is(Errc::store_full)) return fail(appending, created.error());
  look(appending);
}

void Journal::look(const AppendingPtr& appending) {
  reader_.follow(then(
      appending, [this, appending](const Status& followed) { on_looked(appending, followed); }));
}

void Journal::on_looked(const AppendingPtr& appending, const Status& followed) {
  const std::uint64_t position = appending->place.position;
  if (const auto there = chain_.hash_at(position)) {
    if (*there == appending->hash) return end(appending, Head{position, *there});
    appending->may_be_written = false;  // another's entry has the place, for good
  }
  if (!followed) return fail(appending, followed.error());
  if (head().position < position) return on_nothing_there(appending);
  if (appending->may_be_written) return fail(appending, appending->failure);
  attempt(appending);
}

void Journal::on_nothing_there(const AppendingPtr& appending) {
  if (appending->failure.is(Errc::predecessor_missing)) {
    return fail(appending,
                Error(Errc::record_missing, appending->after->name + " as it was there before"));
  }
  // The same bytes: whichever of these writes comes through, it is one entry.
  if (appending->writes < kMaxWrites) return offer(appending);
  if (appending->may_be_written) return fail(appending, appending->failure);
  fail(appending,
       Error(Errc::store_inconsistent, appending->place.name + " is taken, and yet not there"));
}

}  // namespace concordat::keyservice::journal
