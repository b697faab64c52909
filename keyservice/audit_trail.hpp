// What the rest of a custodian knows of its audit log: that an entry is asked for, and that nothing
// may be answered before it is durable.
//
//   closed   no root, or the log could not be taken over yet        every record: audit_unavailable
//   opening  a boot claims the log and writes its first entry       the same
//   open     entries gather while a batch is written
//   stalled  the store took a batch not: the same bytes are offered again at each flush, and until
//            they are taken nothing is ready
//   over     another custodian claimed the log (audit_taken_over, for good), or a batch could not
//            be made: then another boot has to open it anew
//
// No clock and no timer: when to open, and when to flush, is the keeper's (audit_keeper_io.hpp).
#pragma once

#include <memory>
#include <optional>

#include "keyservice/audit/log.hpp"
#include "keyservice/audit_log_state.hpp"
#include "policy/policy.hpp"
#include "policy/signer_key.hpp"

namespace concordat::keyservice {

enum class AuditTrailErrc { unavailable = 1, taken_over, name_not_allowed };
[[nodiscard]] base::CodeInfo describe(AuditTrailErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(AuditTrailErrc) {
  return "audit_trail";
}
[[nodiscard]] inline boost::system::error_code make_error_code(AuditTrailErrc e) {
  return base::enum_code(e);
}

// An entry to be, with what it is to refer to.
struct AuditRecord {
  audit::Event event;
  base::Bytes document{};      // empty: none
  policy::PolicyPtr policy{};  // null: none
  base::Bytes freshness{};     // the statement that confirmed the policy last; empty: none
};

class Recorder {
 public:
  using Done = std::function<void(base::Status)>;

  virtual ~Recorder() = default;
  // Whether an entry can be expected to become durable: what needs one is not begun otherwise.
  [[nodiscard]] virtual base::Status ready() const = 0;
  // `done`, which must not throw, runs once, at once or later; with success the entry is durable.
  // It never runs when the log is closed first, and not after this threw for want of memory.
  virtual void record(AuditRecord record, base::UnixMillis now, Done done) = 0;
  [[nodiscard]] virtual AuditLogState state() const = 0;
};

// The custodian's own name among those of its realm, of which each has a log. A small closed set,
// so that nobody can be shown all logs but the one that matters: "custodian", or that with "-" and
// one letter or digit.
[[nodiscard]] bool is_audited_name(std::string_view custodian) noexcept;
[[nodiscard]] std::string audit_origin(std::string_view realm, std::string_view custodian);

class AuditTrail final : public Recorder {
 public:
  // What one attempt to take over the log brings.
  struct Boot {
    std::unique_ptr<audit::Store> store;  // of its own
    std::string origin;
    audit::BootId id;
    policy::SigningKey boot_key, log_key;
    std::uint32_t root_generation = 0;  // that the log key comes from
    policy::PolicyPtr policy;           // in force
    audit::BootEvidence evidence;
    // Of other root generations, newest first: the checkpoint that stands may be by one of these.
    std::vector<attest::SignerKey> other_log_keys{};
    audit::LogHandover handover{};
  };

  // In place of the boot that there was. `done` runs once, unless the trail is closed first.
  void open(Boot boot, base::UnixMillis now, Done done);
  // Forgets the keys and drops what waits.
  void close() noexcept;

  [[nodiscard]] base::Status ready() const override;
  void record(AuditRecord record, base::UnixMillis now, Done done) override;
  [[nodiscard]] AuditLogState state() const override;

  // Offers again what the store did not take.
  void flush();
  [[nodiscard]] bool is_open() const noexcept { return open_ && open_->log.is_open(); }
  [[nodiscard]] bool is_taken_over() const noexcept { return open_ && open_->log.is_superseded(); }
  [[nodiscard]] bool has_failed() const noexcept { return open_ && open_->log.has_failed(); }
  [[nodiscard]] bool is_stalled() const noexcept {
    return open_ && open_->is_stalled && open_->log.pending() != 0;
  }
  // Of what is durable; only when open.
  [[nodiscard]] const audit::Checkpoint& head() const noexcept { return open_->log.head(); }
  // Told when the trail stalled, was taken over or failed; must not throw.
  void on_trouble(std::function<void(const base::Error&)> handler) {
    troubled_ = std::move(handler);
  }

 private:
  struct Open {
    explicit Open(Boot boot);
    Boot boot;
    audit::Log log;
    bool is_stalled = false;
    base::Error why{};  // it is
    // The policy whose bytes are durable, so that they need not be brought again.
    std::optional<policy::PolicyDigest> kept_policy;
    audit::EvidenceRef policy_ref;
  };

  void on_recorded(const base::Result<std::uint64_t>& index, const policy::PolicyPtr& brought,
                   const Done& done);
  static void keep_policy(Open& open, const policy::Policy& policy);

  std::unique_ptr<Open> open_;
  std::function<void(const base::Error&)> troubled_;
};

}  // namespace concordat::keyservice
