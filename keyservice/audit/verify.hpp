// A whole log checked from its files alone (AUDIT.md): the tree, the checkpoint's signatures, each
// boot's key by its attestation document at its own time, and what entries refer to.
//
// What no reader of the files can see is that the log ends earlier than it did: an older copy of
// everything is whole. Whoever kept a later checkpoint passes it in `seen`.
#pragma once

#include <functional>

#include "attest/authority.hpp"
#include "attest/roots.hpp"
#include "keyservice/audit/checkpoint.hpp"
#include "keyservice/audit/entry.hpp"
#include "keyservice/audit/finding.hpp"
#include "keyservice/audit/source.hpp"

namespace concordat::keyservice::audit {

struct Expectations {
  const attest::TrustAnchors& anchors;
  // Of which the log must be; empty: whichever it names, which the report tells.
  std::vector<attest::AuthorityDescriptor> authorities{};
  std::optional<std::string> origin{};    // nullopt: likewise
  std::vector<NoteVerifier> witnesses{};  // each must have signed the checkpoint
  std::vector<Checkpoint> seen{};         // that this log once had
};

struct Watchers {
  std::function<void(std::uint64_t done, std::uint64_t of)> progress{};  // at times
  // Each entry that the log committed to, in order.
  std::function<void(std::uint64_t index, const Entry& entry)> entry{};
};

// A custodian's boot whose document was found to be good.
struct BootReport {
  std::uint64_t index = 0;  // of its entry
  base::UnixMillis time;
  BootId boot;
  std::string role, image, module_id;
  std::uint64_t policy_serial = 0;
  std::string authority;  // digest, hex
  std::string boot_key;   // verifier keys
  std::string log_key;
};
struct WitnessReport {
  std::string name;
  base::UnixMillis time;
};

struct Report {
  std::optional<Checkpoint> checkpoint;
  std::uint64_t entries = 0;  // that the log committed to and that are there
  std::size_t evidence = 0;
  std::vector<BootReport> boots;
  std::vector<WitnessReport> witnesses;
  std::vector<std::string> unknown_signatures;  // key names, of nobody that was named
  Findings findings;

  [[nodiscard]] bool is_good() const noexcept { return findings.empty(); }
};

[[nodiscard]] Report verify_log(Source& source, const Expectations& expectations,
                                const Watchers& watchers = {});

}  // namespace concordat::keyservice::audit
