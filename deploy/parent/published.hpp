// What the parent hands out and did not make: the authority descriptor, the signed policy and the
// freshness statement for it, each in a file that the configuration names, as it was when last read
// or pushed. No enclave believes the parent; what is checked here is checked so that an operator's
// mistake is seen where it is made.
#pragma once

#include "deploy/parent/config.hpp"
#include "policy/signed_policy.hpp"

namespace concordat::parent {

enum class PublishErrc {
  not_configured = 1,
  serial_lower,
  serial_conflict,
  other_policy,
  statement_older,
};
[[nodiscard]] base::CodeInfo describe(PublishErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(PublishErrc) {
  return "publish";
}
[[nodiscard]] inline boost::system::error_code make_error_code(PublishErrc e) {
  return base::enum_code(e);
}

inline constexpr std::size_t kMaxPublishedFile = 2 * 1024 * 1024;

enum class Publication { policy, freshness };

// A signed policy as far as this side reads it.
struct PolicySummary {
  std::uint64_t serial = 0;
  policy::PolicyDigest digest;
};

class Published {
 public:
  struct File {
    base::Bytes content;
    std::string version;  // SHA-256 of the content, in hex
  };

  // Reads what the configuration names; a freshness statement may be absent. On an error what was
  // there stays.
  [[nodiscard]] base::Status reload(const Config& config);

  // That `envelope` may be published: a policy that is signed as the authority wants and whose
  // serial is no step back; a statement for the policy published that is no step back. `forced`
  // leaves only the envelope's form and type to be checked. Fails with not_configured when there is
  // no file to keep it in.
  [[nodiscard]] base::Status check(Publication what, base::BytesView envelope, bool forced) const;
  // Where it is kept; only after a successful check().
  [[nodiscard]] const std::filesystem::path& file_of(Publication what) const;
  // Hands it out from now on.
  void publish(Publication what, base::Bytes envelope);

  [[nodiscard]] const std::optional<File>& get(Publication what) const noexcept {
    return what == Publication::policy ? policy_ : freshness_;
  }
  [[nodiscard]] const std::optional<File>& policy() const noexcept { return policy_; }
  [[nodiscard]] const std::optional<File>& freshness() const noexcept { return freshness_; }
  [[nodiscard]] const std::optional<File>& authority() const noexcept { return authority_; }
  // nullopt when there is no policy or its envelope cannot be read.
  [[nodiscard]] const std::optional<PolicySummary>& policy_summary() const noexcept {
    return summary_;
  }
  // When the statement says that it was made; nullopt likewise.
  [[nodiscard]] std::optional<base::UnixMillis> freshness_time() const noexcept { return time_; }

 private:
  [[nodiscard]] base::Status check_policy(base::BytesView envelope, bool forced) const;
  [[nodiscard]] base::Status check_freshness(base::BytesView envelope, bool forced) const;

  std::optional<std::filesystem::path> policy_file_, freshness_file_;
  std::optional<File> policy_, freshness_, authority_;
  std::optional<PolicySummary> summary_;
  std::optional<base::UnixMillis> time_;
};

}  // namespace concordat::parent
