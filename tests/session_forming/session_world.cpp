#include "tests/session_forming/session_world.hpp"

#include "attest/custom_root.hpp"
#include "attest/mint.hpp"
#include "policy/signed_policy.hpp"
#include "session/messaging/statements.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using std::chrono::milliseconds;

constexpr const char* kRole = "payments";
// Later than any test runs.
constexpr std::int64_t kNever = milliseconds(std::chrono::hours(24)).count();

policy::SigningKey key_of_seed(std::uint8_t seed) {
  Bytes bytes(32, seed);
  return policy::SigningKey::from_seed(base::SecretBytes::take(bytes)).value();
}

Bytes envelope_of(const std::string& text, std::string_view type,
                  const std::vector<const policy::SigningKey*>& keys) {
  policy::Envelope envelope{std::string(type), base::to_bytes(base::as_bytes(text)), {}};
  for (const policy::SigningKey* key : keys)
    policy::add_signature(envelope, *key).value();
  return envelope.encode();
}

}  // namespace

base::Status take_any(std::string_view, base::BytesView, std::size_t, std::size_t) {
  return {};
}

Realm make_realm(const std::string& name, std::uint8_t first_seed, std::size_t signers,
                 unsigned threshold) {
  std::vector<policy::SigningKey> keys;
  attest::AuthorityFields fields{name, {}, threshold, 1};
  for (std::size_t i = 0; i < signers; ++i) {
    keys.push_back(key_of_seed(static_cast<std::uint8_t>(first_seed + i)));
    fields.signers.push_back(keys.back().public_key());
  }
  return {std::move(keys), attest::AuthorityDescriptor::create(std::move(fields)).value()};
}

SessionWorld::SessionWorld(std::size_t n, bool one_realm)
    : parties(n),
      pki(lab::Pki::create(test::kNow).value()),
      anchors(attest::trust_anchors_from_root(pki->root_der()).value()) {
  for (std::size_t i = 1; i <= (one_realm ? 1 : n); ++i)
    realms.push_back(make_realm("bank-" + std::to_string(i), static_cast<std::uint8_t>(100 + i)));
}

const Realm& SessionWorld::realm_of(PartyIndex index) const {
  return realms.at(std::min<std::size_t>(index, realms.size()) - 1);
}

DescriptorFields SessionWorld::fields(const std::string& id) const {
  DescriptorFields out;
  out.id = id;
  out.protocol = "aggregate/1";
  out.parameters = base::to_bytes(base::as_bytes("{}"));
  out.threshold = parties;
  out.not_before = test::kNow - std::chrono::hours(1);
  out.deadline = test::kNow + std::chrono::hours(1);
  out.purpose = "a test";
  for (std::size_t i = 1; i <= parties; ++i) {
    const Realm& realm = realm_of(static_cast<PartyIndex>(i));
    out.parties.push_back({"party-" + std::to_string(i), realm.authority.realm(),
                           realm.authority.digest(), kRole, "10.0.0." + std::to_string(i) + ":7001",
                           "worker"});
  }
  return out;
}

Bytes SessionWorld::sign(const std::string& text) const {
  std::vector<const policy::SigningKey*> keys;
  for (const Realm& realm : realms)
    keys.push_back(&realm.keys.front());
  return envelope_of(text, kDescriptorPayloadType, keys);
}

std::vector<attest::AuthorityDescriptor> SessionWorld::authorities() const {
  std::vector<attest::AuthorityDescriptor> out;
  for (const Realm& realm : realms)
    out.push_back(realm.authority);
  return out;
}

DescriptorPtr SessionWorld::descriptor(const std::string& id) const {
  const std::string text = encode_descriptor(fields(id)).value();
  return VerifiedDescriptor::verify(sign(text), authorities(), take_any).value();
}

std::string SessionWorld::policy_text(PartyIndex index) const {
  const Realm& own = realm_of(index);
  std::string others;
  for (const Realm& realm : realms) {
    if (&realm == &own) continue;
    others += (others.empty() ? "" : ",") + std::string("\"") + realm.authority.realm() +
              "\": {\"authority\": \"" + realm.authority.digest().hex() +
              "\", \"roles\": {\"payments\": {\"images\": [\"payments-1\"], \"accounts\": [\"" +
              test::kAccount + "\"], \"instances\": \"any\"}}}";
  }
  std::string text = test::replaced(
      test::sample_policy(own.authority), "\"recovery\": \"none\"",
      "\"recovery\": \"none\", \"sessions\": {\"sums\": {\"id\": \"sums/*\", \"protocol\": "
      "\"aggregate/1\", \"own_roles\": [\"payments\"], \"runs_per_input\": 1, \"realms\": {" +
          others + "}}}");
  return edit_policy ? edit_policy(index, std::move(text)) : text;
}

policy::PolicyPtr SessionWorld::policy(PartyIndex index) const {
  const Realm& own = realm_of(index);
  return policy::SignedPolicy::verify(
             envelope_of(policy_text(index), policy::kPolicyPayloadType, {&own.keys.front()}),
             own.authority, test::kNow)
      .value();
}

std::unique_ptr<lab::SoftwareNsm> SessionWorld::enclave(PartyIndex index, bool is_altered) {
  lab::EnclaveIdentity identity;
  identity.role_arn = test::kAccount;
  identity.pcr0 = test::image_pcr("payments-1", 0);
  identity.pcr1 = test::image_pcr("payments-1", 1);
  identity.pcr2 = test::image_pcr("payments-1", 2);
  if (is_altered) identity.pcr0.mutable_view()[0] ^= 1;
  auto nsm = std::make_unique<lab::SoftwareNsm>(*pki, identity, [this] { return wall; });
  (void)attest::bind_authority(*nsm, realm_of(index).authority).value();
  return nsm;
}

RelayNet::RelayNet(SessionWorld& world, std::uint64_t seed)
    : world_(world), random_(seed), drawn_(seed + 1) {
  route = [this](const Instance&, PartyIndex party) { return latest(party); };
  carry = [](const Instance&, const Instance&, Bytes piece) {
    return std::vector<Bytes>{std::move(piece)};
  };
}

Instance& RelayNet::start(PartyIndex index, const DescriptorPtr& descriptor,
                          std::shared_ptr<lab::SoftwareNsm> nsm) {
  Instance& out = instances_.emplace_back();
  out.index = index;
  out.nsm = nsm ? std::move(nsm) : world_.enclave(index);
  out.descriptor = descriptor;
  FormingContext context;
  context.descriptor = descriptor;
  context.self = index;
  context.policy.policy = world_.policy(index);
  context.own_pcr16 = world_.realm_of(index).authority.pcr16();
  context.anchors = &world_.anchors;
  context.chain_cache = &world_.cache;
  context.random = &drawn_;
  out.forming = Forming::begin(std::move(context), now()).value();
  wake(out);
  return out;
}

Instance* RelayNet::latest(PartyIndex index) {
  for (auto it = instances_.rbegin(); it != instances_.rend(); ++it) {
    if (it->index == index && it->is_alive) return &*it;
  }
  return nullptr;
}

void RelayNet::stop(Instance& instance) {
  instance.is_alive = false;
  std::vector<StreamId> own;
  for (const auto& [stream, end] : ends_) {
    if (end.instance == &instance) own.push_back(stream);
  }
  for (const StreamId stream : own)
    close(stream);
}

void RelayNet::at(milliseconds time, std::function<void()> event) {
  events_.emplace(std::max(time, elapsed_), std::move(event));
}

milliseconds RelayNet::delay() {
  return milliseconds(1 + random_() % static_cast<std::uint64_t>(most_delay.count()));
}

void RelayNet::run(milliseconds time) {
  const milliseconds end = elapsed_ + time;
  while (!events_.empty() && events_.begin()->first <= end) {
    auto event = events_.extract(events_.begin());
    elapsed_ = event.key();
    event.mapped()();
  }
  elapsed_ = end;
}

void RelayNet::wake(Instance& instance) {
  const auto due = instance.forming->wake_at();
  if (instance.forming->state() == FormingState::failed || due.value > kNever) return;
  at(milliseconds(due.value), [this, &instance] {
    if (!instance.is_alive || instance.forming->wake_at() > now().monotonic) return;
    perform(instance, instance.forming->on_time(now()));
  });
}

void RelayNet::perform(Instance& instance, FormingOrders orders) {
  watch(instance);
  for (const PartyIndex party : orders.dial)
    at(elapsed_ + delay(), [this, &instance, party] { connect(instance, party); });
  for (auto& [stream, bytes] : orders.send) {
    instance.sent.push_back(bytes);
    send(stream, bytes);
  }
  for (auto& [stream, request] : orders.mint) {
    at(elapsed_ + delay(), [this, &instance, id = stream, order = std::move(request)] {
      if (!instance.is_alive) return;
      perform(instance,
              instance.forming->on_document(id, attest::mint(*instance.nsm, order), now()));
    });
  }
  for (const StreamId stream : orders.close)
    close(stream);
  for (auto& [party, channel] : orders.resumed) {
    instance.formed->channels.erase(party);
    instance.formed->channels.emplace(party, std::move(channel));
    ++instance.resumed;
  }
  // Something may have become due earlier.
  wake(instance);
}

void RelayNet::watch(Instance& instance) {
  Forming& forming = *instance.forming;
  if (!forming.view().empty()) instance.seen.emplace(forming.public_key(), forming.view());
  if (const Bytes& roster = forming.encoded_roster(); !roster.empty()) {
    const auto [entry, is_new] = instance.rosters.emplace(forming.public_key(), roster);
    instance.has_signed_two |= entry->second != roster;
  }
  if (forming.state() == FormingState::formed && !instance.formed) {
    instance.formed.emplace(forming.take());
    instance.formed_at = elapsed_;
  }
}

void RelayNet::cut(bool silently) {
  if (ends_.empty()) return;
  const auto chosen = std::next(ends_.begin(), static_cast<long>(random_() % ends_.size()));
  if (!silently) return sever(chosen->first);
  ends_.erase(chosen->second.other);
  ends_.erase(chosen);
}

void RelayNet::cut(PartyIndex one, PartyIndex other) {
  std::vector<StreamId> between;
  for (const auto& [stream, end] : ends_) {
    const auto far = ends_.find(end.other);
    if (far != ends_.end() && end.instance->index == one && far->second.instance->index == other) {
      between.push_back(stream);
    }
  }
  for (const StreamId stream : between)
    sever(stream);
}

// Both ends learn of it.
void RelayNet::sever(StreamId stream) {
  const StreamId other = ends_.at(stream).other;
  if (!ends_.contains(other)) return;
  for (const StreamId end : {stream, other}) {
    const auto found = ends_.find(end);
    if (found == ends_.end()) continue;
    Instance& instance = *found->second.instance;
    ends_.erase(found);
    if (instance.is_alive) perform(instance, instance.forming->on_closed(end, now()));
  }
}

void RelayNet::connect(Instance& from, PartyIndex party) {
  if (!from.is_alive) return;
  Instance* const to = route(from, party);
  if (to == nullptr || !to->is_alive) {
    return perform(from, from.forming->on_dial_failed(party, now()));
  }
  const StreamId ours = next_stream_++;
  const StreamId theirs = next_stream_++;
  ends_[ours] = {&from, theirs, {}};
  ends_[theirs] = {to, ours, {}};
  perform(*to, to->forming->on_accepted(theirs, "parent/" + std::to_string(from.index), now()));
  perform(from, from.forming->on_dialled(party, ours, now()));
}

void RelayNet::visit(Instance& at, const std::string& source, const Bytes& bytes) {
  const StreamId stream = next_stream_++;
  perform(at, at.forming->on_accepted(stream, source, now()));
  perform(at, at.forming->on_bytes(stream, bytes, now()));
}

void RelayNet::send(StreamId from, const Bytes& bytes) {
  const auto own = ends_.find(from);
  if (own == ends_.end()) return;
  const StreamId to = own->second.other;
  const auto end = ends_.find(to);
  if (end == ends_.end()) return;
  for (Bytes& piece : carry(*own->second.instance, *end->second.instance, bytes)) {
    // A stream keeps its order; who wants another one changes the pieces.
    end->second.last_delivery = std::max(end->second.last_delivery, elapsed_ + delay());
    at(end->second.last_delivery, [this, to, moved = std::move(piece)] {
      const auto found = ends_.find(to);
      if (found == ends_.end()) return;
      Instance& instance = *found->second.instance;
      if (!instance.is_alive) return;
      if (instance.formed) {
        for (auto& [index, channel] : instance.formed->channels) {
          if (channel.stream == to) return channel.reader.feed(moved);
        }
      }
      perform(instance, instance.forming->on_bytes(to, moved, now()));
    });
  }
}

void RelayNet::close(StreamId from) {
  const auto own = ends_.find(from);
  if (own == ends_.end()) return;
  const StreamId to = own->second.other;
  ends_.erase(own);
  const auto end = ends_.find(to);
  if (end == ends_.end()) return;
  at(std::max(end->second.last_delivery, elapsed_) + delay(), [this, to] {
    const auto found = ends_.find(to);
    if (found == ends_.end()) return;
    Instance& instance = *found->second.instance;
    ends_.erase(found);
    if (instance.is_alive) perform(instance, instance.forming->on_closed(to, now()));
  });
}

Confirmations confirm(const std::deque<Instance>& instances, const RunId& run,
                      base::BytesView result) {
  Confirmations out;
  const messaging::Statements statements(run);
  for (const Instance& instance : instances) {
    const FormedSession& session = *instance.formed;
    out[session.self] =
        session.key.sign(statements.result(session.self, base::sha256({result}))).value();
  }
  return out;
}

base::Result<Bytes> receipt_of(const std::deque<Instance>& instances, std::size_t at,
                               base::BytesView result, base::UnixMillis time) {
  const FormedSession& session = *instances[at].formed;
  return make_receipt(session, session.key, result, confirm(instances, session.run, result), time);
}

}  // namespace concordat::session
