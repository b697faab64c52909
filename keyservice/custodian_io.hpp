// The custodian at work: accepts relayed streams, admits workers, operators and other custodians,
// answers their requests, each with the protocol of their own. One io_context, one thread.
#pragma once

#include <map>
#include <memory>
#include <set>

#include "attest/base/log.hpp"
#include "keyservice/admin_server.hpp"
#include "keyservice/audit_trail.hpp"
#include "keyservice/custodian_report.hpp"
#include "keyservice/head_teller_io.hpp"
#include "keyservice/heartbeat.hpp"
#include "keyservice/kept_records.hpp"
#include "keyservice/key_client.hpp"
#include "keyservice/key_server.hpp"
#include "keyservice/replica_server.hpp"
#include "peer/secure_stream_io.hpp"
#include "peer/token_bucket.hpp"

namespace concordat::keyservice {

// What strangers, and whoever is admitted, can make a custodian hold or do. Programs take these as
// they are; tests shrink them.
struct CustodianLimits {
  std::size_t half_open = peer::kMaxHalfOpen;  // streams that nobody was admitted on
  std::size_t channels = 1024;                 // of enclaves
  // A link keeps one channel and drains another; the rest is for agents that restart.
  std::size_t channels_of_one_enclave = 8;
  // Operators have places of their own, which workers cannot take, nor they the workers'.
  std::size_t operator_channels = 16;
  std::size_t channels_of_one_operator = 4;
  // Requests on one channel whose answers are under way, more than a link has.
  std::size_t requests_of_one_channel = 2 * PendingRequests::kMaxPending;
  // On one channel: requests whose answers are under way, and bytes of them that wait to be written
  // before more is made.
  std::size_t operator_answers = 8;
  std::size_t operator_backlog = 256 * 1024;
  // Of answers to workers that wait for their entry in the audit log, all together; beyond it
  // nothing more is begun. How many may wait is the log's to say (audit/limits.hpp).
  std::size_t held_bytes = 64 * 1024 * 1024;
  std::uint32_t admissions_per_second = peer::kAdmissionsPerSecond;
  std::uint32_t admission_burst = peer::kAdmissionBurst;
  std::chrono::milliseconds preface_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds handshake_timeout = peer::kHandshakeTimeout;
  // Lines about refused streams: the console they go to may be slow.
  std::uint32_t refusal_lines_per_second = 1;
  std::uint32_t refusal_line_burst = 10;
  // Entries of refused strangers in the audit log, of which each has some 300 bytes and its
  // document 5 KiB: at most 40 MiB a day.
  std::uint32_t refusal_entries_per_second = 1;
  std::uint32_t refusal_entry_burst = 200;
  std::uint32_t refused_documents_per_minute = 2;
  std::uint32_t refused_document_burst = 32;
};

// What a custodian needs to serve operators besides.
struct Administration {
  EnclaveFacts facts;
  std::function<std::optional<base::MonotonicMillis>()> anchored_at;  // the trusted clock
  recovery::Desk* recovery = nullptr;  // none: shares are not served; outlives the custodian
  AdminServer::MakeRoot make_root{};   // empty: no further root generation is made
};

class Custodian {
 public:
  // All references outlive the custodian.
  // Nothing that `recorder` must have is answered before it has it.
  Custodian(peer::Party& party, peer::NsmWorker& nsm, Custody& custody, Recorder& recorder,
            base::Logger& log, const CustodianLimits& limits = {});
  ~Custodian();

  // Admits operators from now on; without it none is.
  void serve_operators(Administration administration);
  // Serves streams that `listener` accepts; each begins with a source preface.
  void serve(std::unique_ptr<peer::Listener> listener);
  // Ends channels of another policy than the one in force, half-open ones too: their peers dial
  // again and are judged anew. To be called when the policy changed; again does no harm.
  void policy_changed();
  // The policy is not usable any more: ends every channel with `why`. Handshakes under way are left
  // to their own judgement: one of them may bring a newer policy.
  void policy_lapsed(const base::Error& why);
  // The audit log is open, by another boot than before: it is told who has a channel.
  void audit_opened();
  // What another custodian saw of the store, told on a channel that this one dialled.
  void take_seen(const VouchedHead& seen, const std::string& custodian);
  // Tells custodians that dialled this one of the journal's head, where that is news to them.
  void tell_custodians();
  // Tells workers whether they are served, where that is news to them. To be called whenever it may
  // have changed; again does no harm.
  void look_at_serving();
  // Closes every channel and stops accepting.
  void stop();

  [[nodiscard]] const CustodianCounts& counts() const noexcept { return counts_; }
  // What operators may know; `handler` is told when there is more of it.
  [[nodiscard]] std::string report() const;
  void on_report(std::function<void()> handler) { report_changed_ = std::move(handler); }

 private:
  struct Session;
  // An answer that waits for its entry.
  struct HeldAnswer;
  using Held = std::vector<std::shared_ptr<Session>>;  // oldest first
  using SessionPtr = std::shared_ptr<Session>;

  void accept(peer::StreamSocket socket);
  // Whether a stranger's stream may cost anything now.
  [[nodiscard]] bool may_begin(base::MonotonicMillis now);
  void refuse_stream(const base::Result<peer::Now>& now);
  void begin(peer::StreamSocket socket, std::string source);
  // Whether the snapshot that it was judged under is still in force; ends the stream otherwise.
  [[nodiscard]] bool is_current(const SessionPtr& session, const policy::PolicyDigest& digest);
  void on_established(const SessionPtr& session, const policy::AdmittedPeer& peer);
  void on_established(const SessionPtr& session, const policy::AdmittedOperator& who);
  void on_record(const SessionPtr& session, base::SecretBytes record);
  // Why nobody's keys are served, as far as that can be said before anybody asks.
  [[nodiscard]] base::Status serving() const;
  // Sends a sign of life.
  void tell_serving(Session& session);
  void serve_worker(const SessionPtr& session, policy::PolicyPtr policy, base::BytesView request,
                    const peer::Now& now);
  // What the worker remembers of the journal: before it asks for anything, and whenever it learns
  // of a later one elsewhere.
  void tell_custodian(const SessionPtr& session);
  void take_seen(const SessionPtr& session, const VouchedHead& seen);
  void on_head_refused(const SessionPtr& session, const base::Error& why);
  void say_rollback(const base::Status& able);
  void record_head_refusal(const std::string& source, const base::Error& why);
  // Those that came while the store was looked at.
  void serve_held();
  void send_head_if_new(Session& session);
  // Whether what needs an entry can be answered in time, as far as that can be said before.
  [[nodiscard]] base::Status may_answer() const;
  // Whether this is a use that policy wants no entry of, by somebody whose admission has one or
  // will have it.
  [[nodiscard]] bool goes_without_entry(const SessionPtr& session, policy::AuditedUses level,
                                        base::BytesView request);
  [[nodiscard]] AuditRecord admission_of(const Session& session) const;
  void record_admission(const SessionPtr& session);
  // For when the log takes entries again; false where it cannot be kept. `always`: never so.
  bool keep_admission(const SessionPtr& session, base::UnixMillis now, bool always = false);
  // Records what was kept.
  void record_kept();
  void record_refusal(AuditRecord record);
  void record_stranger(const std::string& source, const base::Error& why,
                       const base::Bytes& document);
  void on_served(const SessionPtr& session, ServedRequest served, base::UnixMillis now);
  void on_served_recorded(const SessionPtr& session, HeldAnswer& held, const base::Status& recorded,
                          base::UnixMillis now);
  void answer_worker(const SessionPtr& session, const ServedRequest& served, base::UnixMillis now);
  void serve_replica(const SessionPtr& session, const policy::Policy& policy,
                     base::BytesView request, base::UnixMillis now);
  void on_replica_served(const SessionPtr& session, const ServedReplica& served);
  void serve_operator(const SessionPtr& session, policy::PolicyPtr policy, base::BytesView request,
                      base::UnixMillis now);
  void on_administered(const SessionPtr& session, ServedAdmin served, base::UnixMillis now,
                       bool had_root);
  // Of restoring, which there is no log of before it succeeds.
  void keep_record(const SessionPtr& session, AuditRecord record, base::UnixMillis now,
                   bool is_restored);
  void on_administered_recorded(const SessionPtr& session, ServedAdmin& served,
                                const base::Status& recorded);
  // What the store's answers end in: want of memory in it ends this stream, and nobody else's.
  template <class Step>
  void guarded(const SessionPtr& session, const Step& step) noexcept;
  // Sends of what the operator is owed as much as the channel takes now.
  void answer_operator(const SessionPtr& session);
  [[nodiscard]] base::Result<CustodianStatus> status() const;
  void on_ended(const SessionPtr& session, const base::Status& status);
  [[nodiscard]] std::size_t half_open() const;
  // By the trusted clock; 0 without time.
  [[nodiscard]] base::UnixMillis wall() const;
  void note_refusal(const std::string& source, const base::Error& why, const base::Bytes& document);
  // Whether the peer's role has room for one more enclave. One that has a channel already is not
  // counted twice: its next channel replaces that one.
  [[nodiscard]] base::Status check_room(const policy::AdmittedPeer& peer) const;
  [[nodiscard]] base::Status check_room(const policy::AdmittedOperator& who) const;
  // Live channels of which `belongs(session)`, without those that are ending.
  template <class Belongs>
  [[nodiscard]] Held held_by(const Belongs& belongs) const;
  // Ends the oldest of its own when a peer has as many as it may, or everybody together has.
  static void make_room(const Held& own, std::size_t most_own, const Held& all, std::size_t most);

  peer::Party& party_;
  peer::NsmWorker& nsm_;
  Custody& custody_;
  Recorder& recorder_;
  KeyServer keys_;
  base::Logger& log_;
  CustodianLimits limits_;
  std::unique_ptr<peer::Listener> listener_;
  peer::TokenBucket admissions_;
  peer::TokenBucket refusal_lines_;
  peer::TokenBucket refusal_entries_, refused_documents_;  // of strangers, in the audit log
  std::uint64_t refused_unsaid_ = 0;                       // since the last line about it
  std::uint64_t refused_unrecorded_ = 0;                   // since the audit log was last open
  KeptRecords kept_records_;  // of what was done while the audit log took no entry
  std::shared_ptr<std::size_t> held_bytes_ = std::make_shared<std::size_t>(0);
  std::set<boost::system::error_code> kept_head_refusals_;  // of which a record is kept
  bool is_rollback_said_ = false;                           // of the store as it is
  SignOfLife sign_{"not_ready"};                            // that workers are told
  std::map<std::uint64_t, SessionPtr> sessions_;            // by number, oldest first
  std::uint64_t next_session_ = 1;
  // Strangers' streams whose preface is being read.
  std::shared_ptr<std::size_t> reading_preface_ = std::make_shared<std::size_t>(0);
  bool stopped_ = false;
  CustodianCounts counts_;
  std::optional<Administration> administration_;
  AdminServer admin_{custody_, [this] { return status(); }};
  base::MonotonicMillis started_;
  CustodianReport report_;
  std::function<void()> report_changed_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
