#include "keyservice/audit/boot_check.hpp"

#include <algorithm>

#include "policy/evaluate.hpp"

namespace concordat::keyservice::audit {
namespace {

std::string verifier_key(const std::string& origin, const attest::SignerKey& key) {
  const auto verifier = NoteVerifier::create(origin, NoteKeyType::ed25519, key);
  return verifier ? verifier->encode() : std::string();
}

std::string age(std::chrono::milliseconds span) {
  return std::to_string(span.count() / 1000) + " s";
}

}  // namespace

std::optional<attest::AuthorityDescriptor> BootCheck::authority(std::uint64_t index,
                                                                const base::Sha256Digest& hash) {
  const auto bytes = evidence_.content(hash);
  if (!bytes) return std::nullopt;
  auto parsed = attest::AuthorityDescriptor::parse(*bytes);
  if (!parsed) {
    findings_.add(Fault::authority_invalid, entry_place(index),
                  evidence_name(hash) + ": " + parsed.error().to_string());
    return std::nullopt;
  }
  const auto& wanted = expectations_.authorities;
  const bool is_wanted = std::ranges::any_of(
      wanted, [&](const auto& each) { return each.digest() == parsed->digest(); });
  if (!wanted.empty() && !is_wanted) {
    findings_.add(Fault::authority_unexpected, entry_place(index),
                  "it names " + parsed->digest().hex());
  }
  return *std::move(parsed);
}

std::optional<BootStatement> BootCheck::statement(std::uint64_t index, const Entry& entry,
                                                  const attest::VerifiedClaims& claims) {
  auto statement = read_boot_statement(claims);
  if (!statement) {
    findings_.add(Fault::statement_differs, entry_place(index), statement.error().to_string());
    return std::nullopt;
  }
  const auto differ = [&](std::string_view what) {
    findings_.add(Fault::statement_differs, entry_place(index), std::string(what));
    return std::nullopt;
  };
  if (statement->origin != origin_) return differ("it is of the log " + statement->origin);
  if (statement->boot != entry.boot) return differ("it is of the boot " + statement->boot.hex());
  const auto apart = std::chrono::abs(entry.time - claims.timestamp());
  if (apart > kMaxBootSkew) {
    findings_.add(Fault::time_differs, entry_place(index),
                  age(apart) + " lie between the document and the entry");
  }
  return *std::move(statement);
}

std::optional<BootReport> BootCheck::custodian(std::uint64_t index, const policy::Policy& policy,
                                               const attest::VerifiedClaims& claims,
                                               const attest::AuthorityDescriptor& authority) {
  const policy::Purpose* const keys = policy.model().purpose(policy::kKeysPurpose);
  std::string reasons;
  for (const std::string& role : keys == nullptr ? std::vector<std::string>() : keys->responder) {
    const auto evaluation = policy::evaluate_role(policy.model(), role, claims, authority.pcr16());
    if (evaluation.verdict) {
      BootReport out;
      out.role = role;
      out.image = evaluation.image;
      out.module_id = claims.module_id();
      out.policy_serial = policy.serial();
      return out;
    }
    reasons += (reasons.empty() ? "" : "; ") + role + ": " + evaluation.verdict.error().to_string();
  }
  findings_.add(Fault::not_a_custodian, entry_place(index),
                reasons.empty() ? "policy lets no role answer \"keys\"" : reasons);
  return std::nullopt;
}

std::optional<KnownBoot> BootCheck::check(std::uint64_t index, const Entry& entry) {
  const auto* const document = entry.event.evidence_of(EvidenceType::document);
  const auto* const policy_hash = entry.event.evidence_of(EvidenceType::policy);
  const auto* const authority_hash = entry.event.evidence_of(EvidenceType::authority);
  if (document == nullptr || policy_hash == nullptr || authority_hash == nullptr) {
    findings_.add(Fault::evidence_absent, entry_place(index),
                  "a boot refers to its document, policy and authority");
    return std::nullopt;
  }
  auto descriptor = authority(index, *authority_hash);
  const ClaimsPtr claims = evidence_.document(index, *document);
  if (!descriptor || !claims) return std::nullopt;
  auto stated = statement(index, entry, *claims);
  const auto policy = evidence_.policy(index, *policy_hash, *descriptor, claims->timestamp());
  if (!stated || !policy) return std::nullopt;
  if (policy->digest() != stated->policy) {
    findings_.add(Fault::statement_differs, entry_place(index),
                  "it is under the policy " + stated->policy.hex() + ", the evidence is " +
                      policy->digest().hex());
    return std::nullopt;
  }
  auto report = custodian(index, *policy, *claims, *descriptor);
  if (!report) return std::nullopt;
  report->index = index;
  report->time = entry.time;
  report->boot = entry.boot;
  report->authority = descriptor->digest().hex();
  report->boot_key = verifier_key(origin_, stated->boot_key);
  report->log_key = verifier_key(origin_, stated->log_key);
  boots_.push_back(*std::move(report));
  return KnownBoot{*std::move(stated), *std::move(descriptor), policy};
}

void BootCheck::check_takeover(std::uint64_t index, const Entry& entry, const Hash& root,
                               const KnownBoot* before) {
  const auto* const hash = entry.event.evidence_of(EvidenceType::checkpoint);
  const auto differ = [&](const std::string& what) {
    findings_.add(Fault::previous_checkpoint_differs, entry_place(index), what);
  };
  if (hash == nullptr) {
    if (index != 0) differ("it refers to no checkpoint");
    return;
  }
  const auto bytes = evidence_.content(*hash);
  if (!bytes) return;  // told by require()
  const auto head = SignedCheckpoint::parse(*bytes);
  if (!head) return differ(head.error().to_string());
  if (head->checkpoint != Checkpoint{origin_, index, root}) {
    return differ("it refers to a checkpoint of " + std::to_string(head->checkpoint.size) +
                  " entries with the root " + head->checkpoint.root.hex() + "; before it are " +
                  std::to_string(index) + " with the root " + root.hex());
  }
  if (before != nullptr) check_signatures(head->note, evidence_name(*hash), *before);
}

void BootCheck::check_signatures(const Note& note, const std::string& place,
                                 const KnownBoot& boot) {
  const auto check = [&](const attest::SignerKey& key, std::string_view whose) {
    const auto verifier = NoteVerifier::create(origin_, NoteKeyType::ed25519, key);
    const base::Status verified =
        verifier ? note.verify(*verifier) : base::Status(verifier.error());
    if (verified) return;
    const bool is_missing = verified.error().is(Errc::unknown_key);
    findings_.add(
        is_missing ? Fault::checkpoint_signature_missing : Fault::checkpoint_signature_invalid,
        place, std::string(whose) + ": " + verified.error().detail());
  };
  check(boot.statement.boot_key, "key of boot " + boot.statement.boot.hex());
  check(boot.statement.log_key, "the log's key");
}

}  // namespace concordat::keyservice::audit
