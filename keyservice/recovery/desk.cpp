#include "keyservice/recovery/desk.hpp"

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "keyservice/error.hpp"
#include "keyservice/recovery/errc.hpp"
#include "keyservice/recovery/status.hpp"

namespace concordat::keyservice::recovery {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

namespace {

Bytes as_item(base::BytesView bytes) {
  base::cbor::Writer out;
  out.bytes(bytes);
  return std::move(out).take();
}

// What a document's arrival leads to: want of memory is an answer, too.
template <class Step>
void guarded(const Desk::Done& done, const Step& step) {
  try {
    step();
  } catch (const std::bad_alloc&) {
    done(Error(keyservice::Errc::out_of_memory));
  }
}

}  // namespace

std::string described(const DeskEvent& event) {
  std::string out(event.name);
  if (!event.holder.empty()) out += " holder " + event.holder;
  if (!event.set.empty()) out += " set " + event.set;
  return out;
}

void Desk::tell(const Context& context, const DeskEvent& event) const {
  ways_.tell(event);
  if (context.told) context.told(event);
}

bool Desk::has_all(const policy::Policy& policy) const {
  return std::ranges::all_of(policy.model().root_generations, [&](const auto& pinned) {
    return custody_.root(pinned.generation) != nullptr;
  });
}

Status Desk::want_a_root(const policy::Policy& policy) const {
  if (!custody_.has_root() || !has_all(policy)) return {};
  return Error(Errc::has_root, "generation " + std::to_string(custody_.root().generation()));
}

// Nobody has a document of the key: no order can be for it.
void Desk::give_up_unattested() noexcept {
  if (!restoration_.is_collecting()) restoration_.forget();
}

Result<Bytes> Desk::status(const policy::Policy& policy) const {
  return encode(shown(restoration_.status(), custody_.has_root() && has_all(policy)));
}

void Desk::remember(const policy::OrderDigest& order, const Bytes& package) {
  if (made_.size() == kRememberedSets) made_.pop_front();
  made_.push_back({order, package});
}

void Desk::serve(const MakeRecoverySetRequest& request, const Context& context, Done done) {
  const auto ordered = policy::verify_order<policy::MakeOrder>(request.order, authority_,
                                                               *context.policy, context.now);
  if (!ordered) return done(ordered.error());
  // One order, one set: another would leave shares about that nobody counts.
  const auto before = std::ranges::find(made_, ordered->digest, &Made::order);
  if (before != made_.end()) {
    const std::string id = ordered->order.set.hex();
    if (context.told) context.told({"recovery_set_repeated", context.who, id, {}, {}});
    return done(as_item(before->package));
  }
  if (const Status right = custody_.check_root(*context.policy); !right) return done(right.error());
  // Where it is not held, what is there says which one that is.
  const Root* const ordered_root = custody_.root(ordered->order.generation);
  const auto set = RecoverySet::make(ordered_root != nullptr ? *ordered_root : custody_.root(),
                                     *context.policy, ordered->order);
  if (!set) return done(set.error());
  const Status queued =
      ways_.mint(set_document(*ordered, *set),
                 [this, alive = alive_, done, digest = ordered->digest, encoded = set->encoded(),
                  id = set->id().hex(), context](const Result<Bytes>& document) {
                   if (!*alive) return;
                   if (!document) return done(document.error());
                   const Bytes package = encode(Package{encoded, *document});
                   remember(digest, package);
                   tell(context, {"recovery_set_made", context.who, id, {}, {}});
                   done(as_item(package));
                 });
  if (!queued) done(queued.error());
}

void Desk::serve(const AttestRestoringRequest& request, const Context& context, Done done) {
  if (const Status wanted = want_a_root(*context.policy); !wanted) return done(wanted.error());
  const auto challenge = policy::RecoveryChallenge::from(request.challenge);
  if (!challenge) return done(challenge.error());
  const auto document = restoration_.begin(*challenge, *context.policy, context.now, request.anew);
  if (!document) return done(document.error());
  const Status queued =
      ways_.mint(*document, [this, alive = alive_, done, context](const Result<Bytes>& minted) {
        if (!*alive) return;
        guarded(done, [&] {
          if (!minted) {
            give_up_unattested();
            return done(minted.error());
          }
          tell(context, {"recovery_attested", context.who, {}, {}, {}});
          done(as_item(*minted));
        });
      });
  if (queued) return;
  give_up_unattested();
  done(queued.error());
}

void Desk::serve(const StartRestoringRequest& request, const Context& context, Done done) {
  if (const Status wanted = want_a_root(*context.policy); !wanted) return done(wanted.error());
  const bool was_collecting = restoration_.is_collecting();
  const Status started =
      restoration_.start(request.order, request.set, authority_, *context.policy, context.now);
  if (!started) return done(started.error());
  if (!was_collecting) {
    tell(context,
         {"recovery_started", context.who, restoration_.status().order->set.hex(), {}, {}});
  }
  done(status(*context.policy));
}

void Desk::serve(const ContributeShareRequest& request, const Context& context, Done done) {
  if (const Status wanted = want_a_root(*context.policy); !wanted) return done(wanted.error());
  const auto order = restoration_.status().order;
  const std::string set = order ? order->set.hex() : std::string();
  auto root = restoration_.contribute(request.contribution, *context.policy, context.now);
  const std::string holder = restoration_.last_holder();
  if (!root) {
    tell(context, {"recovery_share_refused", context.who, set, holder, root.error()});
    return done(root.error());
  }
  tell(context, {"recovery_share_taken", context.who, set, holder, {}});
  if (*root) {
    const Status taken = ways_.take_root(**std::move(root));
    tell(context, {"root_restored", context.who, set, {}, taken});
    if (!taken) return done(taken.error());
  }
  done(status(*context.policy));
}

void Desk::serve(const RestoringStatusRequest&, const Context& context, Done done) {
  restoration_.expire(context.now);
  done(status(*context.policy));
}

}  // namespace concordat::keyservice::recovery
