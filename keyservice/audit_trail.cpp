#include "keyservice/audit_trail.hpp"

#include <algorithm>

#include "attest/base/hash.hpp"
#include "keyservice/audit/entry_cursor.hpp"
#include "keyservice/audit/error_copy.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::Status;

namespace {

constexpr std::string_view kName = "custodian";
constexpr std::size_t kMaxWhy = 200;

Error unavailable(const Error& why) noexcept {
  const bool is_taken_over = why.is(audit::Errc::superseded);
  const AuditTrailErrc code =
      is_taken_over ? AuditTrailErrc::taken_over : AuditTrailErrc::unavailable;
  return audit::with_code(make_error_code(code), why);
}

}  // namespace

base::CodeInfo describe(AuditTrailErrc code) noexcept {
  switch (code) {
    case AuditTrailErrc::unavailable:
      return {"audit_unavailable", "the audit log takes no entry now, and nothing is done without"};
    case AuditTrailErrc::taken_over:
      return {"audit_taken_over", "another custodian of the same name writes the audit log now"};
    case AuditTrailErrc::name_not_allowed:
      return {"audit_name_not_allowed",
              "no custodian may have this name: want \"custodian\", or \"custodian-\" and one "
              "letter or digit"};
  }
  return {"unknown", "unknown error of the audit trail"};
}

bool is_audited_name(std::string_view custodian) noexcept {
  if (!custodian.starts_with(kName)) return false;
  const std::string_view rest = custodian.substr(kName.size());
  const auto is_word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return rest.empty() || (rest.size() == 2 && rest[0] == '-' && is_word(rest[1]));
}

std::string audit_origin(std::string_view realm, std::string_view custodian) {
  return std::string(realm) + "/audit/" + std::string(custodian);
}

AuditTrail::Open::Open(Boot taken)
    : boot(std::move(taken)),
      log(*boot.store, {boot.origin, boot.id, &boot.boot_key, &boot.log_key, boot.other_log_keys,
                        boot.handover}) {}

void AuditTrail::open(Boot boot, base::UnixMillis now, Done done) {
  open_ = std::make_unique<Open>(std::move(boot));
  open_->log.open(std::move(open_->boot.evidence), now,
                  [this, done = std::move(done)](const Status& opened) {
                    if (!opened) return done(unavailable(opened.error()));
                    try {
                      keep_policy(*open_, *open_->boot.policy);
                    } catch (const std::bad_alloc&) {  // it is brought once more
                    }
                    done({});
                  });
}

void AuditTrail::close() noexcept {
  open_.reset();
}

void AuditTrail::keep_policy(Open& open, const policy::Policy& policy) {
  open.policy_ref = {audit::EvidenceType::policy, base::sha256({policy.envelope()})};
  open.kept_policy = policy.digest();
}

Status AuditTrail::ready() const {
  if (!open_ || !open_->log.is_open()) return Error(AuditTrailErrc::unavailable, "it is not open");
  if (open_->log.is_superseded()) return Error(AuditTrailErrc::taken_over);
  if (open_->log.has_failed()) return Error(AuditTrailErrc::unavailable, "it is opened anew");
  if (is_stalled()) return unavailable(open_->why);
  return {};
}

AuditLogState AuditTrail::state() const {
  AuditLogState state;
  const Status able = ready();
  state.takes_entries = able.has_value();
  if (!able) {
    state.why = std::string(able.error().name()) + ": " + able.error().detail();
    state.why.resize(std::min(state.why.size(), kMaxWhy));
    std::ranges::replace_if(
        state.why, [](char c) { return !audit::is_printable(c); }, '?');
  }
  if (!open_) return state;
  // A boot that is still trying has signed nothing: what its log is signed under nobody knows yet.
  if (open_->log.is_open()) state.root_generation = open_->boot.root_generation;
  state.size = open_->log.head().size;
  state.last = open_->log.head_time();
  state.waiting = open_->log.pending();
  return state;
}

void AuditTrail::record(AuditRecord record, base::UnixMillis now, Done done) {
  if (const Status able = ready(); !able) return done(able.error());
  open_->is_stalled = false;
  std::vector<audit::Evidence> evidence;
  if (!record.document.empty()) {
    evidence.push_back({audit::EvidenceType::document, std::move(record.document)});
  }
  if (!record.freshness.empty()) {
    evidence.push_back({audit::EvidenceType::freshness, std::move(record.freshness)});
  }
  policy::PolicyPtr brought;
  if (record.policy && open_->kept_policy == record.policy->digest()) {
    record.event.evidence.push_back(open_->policy_ref);
  } else if (record.policy) {
    brought = std::move(record.policy);
    evidence.push_back({audit::EvidenceType::policy, brought->envelope()});
  }
  open_->log.append(std::move(record.event), std::move(evidence), now,
                    [this, brought, done = std::move(done)](const Result<std::uint64_t>& index) {
                      on_recorded(index, brought, done);
                    });
}

void AuditTrail::on_recorded(const Result<std::uint64_t>& index, const policy::PolicyPtr& brought,
                             const Done& done) {
  if (!open_) return;  // closed by another who was told the same
  if (index) {
    open_->is_stalled = false;
    try {
      if (brought) keep_policy(*open_, *brought);
    } catch (const std::bad_alloc&) {  // it is brought once more
    }
    return done({});
  }
  Error why = unavailable(index.error());
  const bool is_first = !open_->is_stalled;
  if (!index.error().is(audit::Errc::too_many_pending)) {
    open_->is_stalled = true;
    open_->why = audit::copy_of(index.error());
  }
  if (is_first && open_->is_stalled && troubled_) troubled_(why);
  done(Status(std::move(why)));
}

void AuditTrail::flush() {
  if (open_) open_->log.flush();
}

}  // namespace concordat::keyservice
