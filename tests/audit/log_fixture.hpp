// Audit logs of custodians that never ran: a store in memory that fails on demand, boots with
// documents of the lab's PKI, and what an auditor makes of the files.
#pragma once

#include <map>
#include <stdexcept>

#include "attest/custom_root.hpp"
#include "keyservice/audit/log.hpp"
#include "keyservice/audit/verify.hpp"
#include "peer/messages.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::test {

namespace audit = keyservice::audit;

using Files = std::map<std::string, base::Bytes>;

// One custodian's files, as several of its boots see them, each through a MemoryLogStore.
struct SharedFiles {
  Files files;
  std::optional<audit::BootId> writer;
};

class MemoryLogStore final : public audit::Store {
 public:
  explicit MemoryLogStore(SharedFiles& shared) : shared_(shared) {}

  void claim(const audit::BootId& writer, Done done) override {
    shared_.writer = writer_ = writer;
    done({});
  }
  void write(audit::FilesPtr files, Done done) override {
    ++writes;
    std::size_t left = tears_after.value_or(files->size());
    for (const audit::File& file : *files) {
      if (shared_.writer != writer_) return answer(std::move(done), audit::Errc::superseded);
      if (left-- == 0) break;
      shared_.files[file.name] = file.content;
    }
    if (failure) return answer(std::move(done), *failure);
    answer(std::move(done), {});
  }
  void remove(const std::string& prefix, Done done) override {
    std::erase_if(shared_.files, [&](const auto& file) { return file.first.starts_with(prefix); });
    done({});
  }
  void read(const std::string& name, OnContent done) override {
    const auto found = shared_.files.find(name);
    if (found == shared_.files.end()) return done(std::optional<base::Bytes>());
    done(std::optional<base::Bytes>(found->second));
  }
  // Answers to writes that waited.
  void release() {
    for (auto& each : std::exchange(held_, {}))
      each();
  }

  std::optional<std::size_t> tears_after;  // so many files of a write are made
  std::optional<audit::Errc> failure;      // and then it says so
  bool holds_answers = false;
  std::size_t writes = 0;

 private:
  void answer(Done done, std::optional<audit::Errc> error) {
    const base::Status status =
        error ? base::Status(base::Error(*error, "by the test")) : base::Status();
    if (!holds_answers) return done(status);
    held_.push_back([done = std::move(done), status] { done(status); });
  }

  SharedFiles& shared_;
  audit::BootId writer_;
  std::vector<std::function<void()>> held_;
};

class MemorySource final : public audit::Source {
 public:
  explicit MemorySource(const Files& files) : files_(files) {}
  base::Result<std::optional<base::Bytes>> read(const std::string& name, std::size_t) override {
    const auto found = files_.find(name);
    if (found == files_.end()) return std::optional<base::Bytes>();
    return std::optional<base::Bytes>(found->second);
  }
  base::Result<std::vector<std::string>> names() override {
    std::vector<std::string> out;
    for (const auto& [name, content] : files_)
      out.push_back(name);
    return out;
  }

 private:
  const Files& files_;
};

// The files that belong to the checkpoint, without what earlier ones needed.
[[nodiscard]] inline Files exported(const Files& files) {
  const auto head = audit::SignedCheckpoint::parse(files.at("checkpoint")).value();
  Files out;
  for (const auto& [name, content] : files) {
    if (const auto tile = audit::parse_tile_path(name)) {
      const auto wanted = audit::tile_at(head.checkpoint.size, tile->level, tile->index);
      if (!wanted || *wanted != *tile) continue;
    }
    out[name] = content;
  }
  return out;
}

inline constexpr const char* kOrigin = "lab.example/audit/custodian-1";

class AuditWorld {
 public:
  struct Boot {
    explicit Boot(SharedFiles& shared) : store(shared) {}
    MemoryLogStore store;
    policy::SigningKey key = policy::SigningKey::generate();
    audit::BootStatement statement;
    audit::BootEvidence evidence;
    std::unique_ptr<audit::Log> log;
  };

  [[nodiscard]] lab::EnclaveIdentity enclave(const std::string& image) const {
    lab::EnclaveIdentity identity;
    identity.role_arn = kAccount;
    identity.pcr0 = image_pcr(image, 0);
    identity.pcr1 = image_pcr(image, 1);
    identity.pcr2 = image_pcr(image, 2);
    return identity;
  }
  // A custodian that is about to open its log; `change` spoils what it states.
  [[nodiscard]] std::unique_ptr<Boot> prepare(
      SharedFiles& shared, std::uint8_t number, const std::string& image = "custodian-1",
      const std::function<void(audit::BootStatement&)>& change = {}) {
    auto boot = std::make_unique<Boot>(shared);
    boot->statement = {kOrigin, audit::BootId::from(base::Bytes(16, number)).value(),
                       boot->key.public_key(), log_key.public_key(), policy_digest};
    audit::BootStatement stated = boot->statement;
    if (change) change(stated);
    boot->evidence = {
        claims.document(enclave(image), &authority.descriptor(), audit::boot_document(stated)),
        envelope, authority.descriptor().encoded()};
    boot->log = std::make_unique<audit::Log>(
        boot->store, audit::LogIdentity{kOrigin, boot->statement.boot, &boot->key, &log_key, {}});
    return boot;
  }
  [[nodiscard]] static base::Status open(Boot& boot, base::UnixMillis now = kNow) {
    base::Status status = base::Error(audit::Errc::unreachable, "no answer");
    boot.log->open(boot.evidence, now, [&](base::Status result) { status = std::move(result); });
    return status;
  }
  [[nodiscard]] std::unique_ptr<Boot> opened(SharedFiles& shared, std::uint8_t number) {
    auto boot = prepare(shared, number);
    const auto status = open(*boot);
    if (!status) throw std::runtime_error(status.error().to_string());
    return boot;
  }
  // Waits for nothing: the store answers at once.
  static base::Result<std::uint64_t> append(Boot& boot, audit::Event event,
                                            std::vector<audit::Evidence> evidence = {},
                                            base::UnixMillis now = kNow) {
    base::Result<std::uint64_t> out = base::Error(audit::Errc::unreachable, "no answer");
    boot.log->append(std::move(event), std::move(evidence), now,
                     [&](base::Result<std::uint64_t> index) { out = std::move(index); });
    return out;
  }
  [[nodiscard]] static audit::Event use(std::uint64_t number) {
    audit::Event event;
    event.kind = audit::Kind::use;
    event.subject = audit::Subject{audit::SubjectType::enclave, "payments", "payments-1", "i-1"};
    event.purpose = "keys";
    event.key = audit::KeyVersionName{"payments/" + std::to_string(number), 1};
    event.operation = "sign";
    return event;
  }
  // A worker's admission with its evidence, as a custodian would write it.
  struct Admission {
    audit::Event event;
    std::vector<audit::Evidence> evidence;
  };
  [[nodiscard]] Admission admission(const std::string& image = "payments-1",
                                    const std::string& role = "payments",
                                    std::uint64_t stated_serial = 1) {
    const peer::Statement statement{{}, "keys", role, {stated_serial, policy_digest}, {}};
    attest::MintRequest request{attest::Purpose::handshake_initiator,
                                {peer::encode_statement(statement), peer::kStatementItems},
                                {},
                                {}};
    request.nonce = base::Bytes(32, 1);
    request.public_key = base::Bytes(44, 2);
    const auto document = claims.document(enclave(image), &authority.descriptor(), request);
    Admission out;
    out.event.kind = audit::Kind::admission;
    out.event.subject = audit::Subject{audit::SubjectType::enclave, role, image,
                                       claims.verified(document).module_id()};
    out.event.purpose = "keys";
    out.evidence = {{audit::EvidenceType::document, document},
                    {audit::EvidenceType::policy, envelope}};
    return out;
  }

  // Of boots and admissions from now on.
  void put_in_force(std::string policy) {
    text = std::move(policy);
    envelope = authority.sign(text).encode();
    policy_digest = base::sha256({base::as_bytes(text)});
  }

  [[nodiscard]] audit::Report verify(const Files& files) const {
    return verify(files, audit::Expectations{anchors});
  }
  [[nodiscard]] static audit::Report verify(const Files& files,
                                            const audit::Expectations& expectations) {
    MemorySource source(files);
    return audit::verify_log(source, expectations);
  }

  TestAuthority authority;
  LabClaims claims{kNow};
  attest::TrustAnchors anchors = attest::trust_anchors_from_root(claims.pki().root_der()).value();
  std::string text = sample_policy(authority.descriptor());
  base::Bytes envelope = authority.sign(text).encode();
  policy::PolicyDigest policy_digest = base::sha256({base::as_bytes(text)});
  policy::SigningKey log_key = policy::SigningKey::generate();
};

// "fault at where", each on a line: what a failing test shows.
[[nodiscard]] inline std::string told(const audit::Report& report) {
  std::string out;
  for (const audit::Finding& finding : report.findings)
    out += std::string(describe(finding.fault).name) + " at " + finding.to_string() + "\n";
  return out;
}

}  // namespace concordat::test
