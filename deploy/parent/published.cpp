#include "deploy/parent/published.hpp"

#include "attest/base/file.hpp"
#include "deploy/parent/store.hpp"
#include "policy/freshness.hpp"
#include "policy/parse.hpp"

namespace concordat::parent {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

Result<std::optional<Published::File>> read_published(
    const std::optional<std::filesystem::path>& path) {
  if (!path) return std::optional<Published::File>();
  CONCORDAT_TRY(base::Bytes content, base::read_file(*path, kMaxPublishedFile));
  std::string version = version_of(content);
  return std::optional(Published::File{std::move(content), std::move(version)});
}

// Nobody has pushed one yet, or the policy wants none.
Result<std::optional<Published::File>> read_if_there(
    const std::optional<std::filesystem::path>& path) {
  std::error_code failure;
  if (path && !std::filesystem::exists(*path, failure)) return std::optional<Published::File>();
  return read_published(path);
}

Result<policy::Envelope> open_policy(BytesView envelope) {
  CONCORDAT_TRY(policy::Envelope parsed, policy::Envelope::parse(envelope));
  if (parsed.payload_type != policy::kPolicyPayloadType) {
    return Error(policy::SignatureErrc::wrong_payload_type, parsed.payload_type);
  }
  return parsed;
}

Result<PolicySummary> summarize(const policy::Envelope& envelope) {
  CONCORDAT_TRY(const policy::Model model, policy::load_policy(base::as_text(envelope.payload)));
  return PolicySummary{model.serial, base::sha256({envelope.payload})};
}

std::optional<PolicySummary> summary_of(const std::optional<Published::File>& file) {
  if (!file) return {};
  const auto envelope = open_policy(file->content);
  const auto summary = envelope ? summarize(*envelope) : Result<PolicySummary>(envelope.error());
  return summary ? std::optional(*summary) : std::nullopt;
}

std::optional<base::UnixMillis> time_of(const std::optional<Published::File>& file) {
  const auto fields =
      file ? policy::peek_freshness(file->content) : Result<policy::FreshnessFields>(Error());
  return fields ? std::optional(fields->time) : std::nullopt;
}

}  // namespace

base::CodeInfo describe(PublishErrc code) noexcept {
  switch (code) {
    case PublishErrc::not_configured:
      return {"not_configured", "the parent's configuration names no file for it"};
    case PublishErrc::serial_lower:
      return {"policy_serial_lower", "the parent has a policy with a higher serial"};
    case PublishErrc::serial_conflict:
      return {"policy_serial_conflict", "the parent has another policy with the same serial"};
    case PublishErrc::other_policy:
      return {"freshness_other_policy", "the statement is for another policy than the parent has"};
    case PublishErrc::statement_older:
      return {"freshness_older", "the parent has a newer statement"};
  }
  return {"unknown", "unknown publication error"};
}

Status Published::reload(const Config& config) {
  CONCORDAT_TRY(auto policy, read_published(config.policy));
  CONCORDAT_TRY(auto authority, read_published(config.authority));
  CONCORDAT_TRY(auto freshness, read_if_there(config.freshness));
  policy_file_ = config.policy;
  freshness_file_ = config.freshness;
  policy_ = std::move(policy);
  authority_ = std::move(authority);
  freshness_ = std::move(freshness);
  summary_ = summary_of(policy_);
  time_ = time_of(freshness_);
  return {};
}

Status Published::check(Publication what, BytesView envelope, bool forced) const {
  if (!(what == Publication::policy ? policy_file_ : freshness_file_)) {
    return Error(PublishErrc::not_configured,
                 what == Publication::policy ? "policy.envelope" : "policy.freshness");
  }
  return what == Publication::policy ? check_policy(envelope, forced)
                                     : check_freshness(envelope, forced);
}

Status Published::check_policy(BytesView envelope, bool forced) const {
  CONCORDAT_TRY(const policy::Envelope parsed, open_policy(envelope));
  if (forced) return {};
  if (authority_) {
    CONCORDAT_TRY(const auto descriptor, attest::AuthorityDescriptor::parse(authority_->content));
    CONCORDAT_CHECK(policy::verify_envelope(parsed, policy::kPolicyPayloadType, descriptor));
  }
  CONCORDAT_TRY(const PolicySummary offered, summarize(parsed));
  if (!summary_) return {};
  const std::string serials = "offered serial " + std::to_string(offered.serial) + ", published " +
                              std::to_string(summary_->serial);
  if (offered.serial < summary_->serial) return Error(PublishErrc::serial_lower, serials);
  if (offered.serial == summary_->serial && offered.digest != summary_->digest) {
    return Error(PublishErrc::serial_conflict,
                 serials + "; digests " + offered.digest.hex() + " and " + summary_->digest.hex());
  }
  return {};
}

Status Published::check_freshness(BytesView envelope, bool forced) const {
  CONCORDAT_TRY(const policy::FreshnessFields offered, policy::peek_freshness(envelope));
  if (forced) return {};
  if (!summary_ || offered.digest != summary_->digest) {
    return Error(PublishErrc::other_policy,
                 "it is for serial " + std::to_string(offered.serial) + ", published is " +
                     (summary_ ? std::to_string(summary_->serial) : "none") +
                     "; push the policy first");
  }
  const auto ours = freshness_ ? policy::peek_freshness(freshness_->content)
                               : Result<policy::FreshnessFields>(Error());
  if (ours && ours->digest == offered.digest && offered.time < ours->time) {
    return Error(PublishErrc::statement_older, "offered " + base::format_rfc3339(offered.time) +
                                                   ", published " +
                                                   base::format_rfc3339(ours->time));
  }
  return {};
}

const std::filesystem::path& Published::file_of(Publication what) const {
  return what == Publication::policy ? *policy_file_ : *freshness_file_;
}

void Published::publish(Publication what, base::Bytes envelope) {
  File file{std::move(envelope), {}};
  file.version = version_of(file.content);
  if (what == Publication::policy) {
    policy_ = std::move(file);
    summary_ = summary_of(policy_);
  } else {
    freshness_ = std::move(file);
    time_ = time_of(freshness_);
  }
}

}  // namespace concordat::parent
