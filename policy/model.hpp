// What a policy file says, as plain data. A Model has passed every check that makes a file an
// error, so names resolve and pins identify; it says nothing about signatures or time.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "attest/authority.hpp"
#include "attest/base/clock.hpp"

namespace concordat::policy {

using attest::PcrValue;
using PolicyDigest = base::Sha256Digest;

// The purpose through which workers get keys; the roles that may answer it are the custodians.
inline constexpr std::string_view kKeysPurpose = "keys";
// The purpose through which operators administer custodians: no role asks for it, and only roles
// that answer "keys" answer it, or what is meant for a custodian would reach another enclave.
inline constexpr std::string_view kAdminPurpose = "admin";
// Of handshakes between the parties of a session, who are judged by SessionRules: no policy has a
// purpose of this name.
inline constexpr std::string_view kSessionPurpose = "session";

struct Image {
  std::string name;
  PcrValue pcr0, pcr1, pcr2;
  std::optional<PcrValue> pcr8;  // nullopt: any signer, or none ("any" in the file)
};

// Where an enclave runs: the IAM role of the parent instance, and its instance id.
inline constexpr unsigned kAccountPcr = 3;
inline constexpr unsigned kInstancePcr = 4;

// One accepted value of PCR3 or PCR4.
struct Pin {
  std::string text;  // as written: role ARN, instance id or 96 hex digits
  PcrValue value;
};

struct Role {
  std::vector<std::uint32_t> images;          // indices into Model::images
  std::optional<std::vector<Pin>> accounts;   // PCR3; nullopt: "any"; empty: nobody
  std::optional<std::vector<Pin>> instances;  // PCR4; nullopt: "any"; empty: nobody
  // How many enclaves of the role may have live channels at one custodian; nullopt: "any".
  std::optional<std::uint64_t> maximum_live;
};

struct Purpose {
  std::vector<std::string> initiator;  // role names
  std::vector<std::string> responder;
};

enum class Operation : std::uint8_t {
  get = 1,
  sign,
  verify,
  encrypt,
  decrypt,
  wrap,
  unwrap,
  mac,
  derive,
  random,
  public_key,  // "public" in the file
};
inline constexpr std::size_t kOperations = 11;
[[nodiscard]] std::string_view to_string(Operation operation) noexcept;

// Which requests of workers have an entry of their own in the custodians' audit log.
enum class AuditedUses : std::uint8_t {
  all = 1,
  // Those that release a key, or make or open something with it: not `verify`, `public`, `random`.
  secret,
};
[[nodiscard]] std::string_view to_string(AuditedUses level) noexcept;
[[nodiscard]] std::optional<AuditedUses> audited_uses_from(std::string_view level) noexcept;
// `operation` by its name; one that is not known is audited.
[[nodiscard]] bool is_audited(AuditedUses level, std::string_view operation) noexcept;

struct Grant {
  std::string role;
  std::string keys;                         // key name pattern, see key_pattern.hpp
  std::vector<Operation> operations;        // distinct
  std::optional<std::uint64_t> use_limit;   // uses of the grant in all; nullopt: "none"
  std::optional<base::UnixMillis> expires;  // not granted from then on; nullopt: "never"
};

// How often custodians give the keys that a pattern names a new version. Where several patterns
// match, the shortest interval counts.
struct RotationInterval {
  std::uint64_t every_seconds = 0;
};

// What genesis makes.
inline constexpr std::uint32_t kFirstRootGeneration = 1;

struct RootGeneration {
  std::uint32_t generation = 0;
  base::Bytes commitment;
  // Exactly one is: what must have taken over. Those before it serve reading only; those behind it
  // are held, and may take over.
  bool current = false;
  std::optional<std::string> kms_key_arn{};  // that seals it; nullopt: the policy's
};

struct ChannelLife {
  std::uint64_t seconds = 0;
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
};

// The online key that may say that a policy is still the newest one, and nothing else.
struct Freshness {
  attest::SignerKey key;
  std::uint64_t max_age_seconds = 0;  // of its newest statement
};

// A person or a service that is no enclave: known by a key, admitted as initiator of these.
struct Operator {
  attest::SignerKey key;
  std::vector<std::string> purposes;  // names of Model::purposes
};

using HolderKey = base::FixedBytes<struct HolderKeyTag, 32>;  // X25519 (RFC 7748)

// Who keeps the shares from which the root can be restored, and how many of them it takes.
struct Recovery {
  std::uint32_t threshold = 0;  // 1 <= threshold <= holders
  std::map<std::string, HolderKey, std::less<>> holders;
};

// Another realm in a session: by which authority it is known, and whom it may send.
struct SessionRealm {
  attest::AuthorityDigest authority;  // of the exact descriptor, as the session's own names it
  // By the role that a session gives a party of the realm; maximum_live is nobody's here.
  std::map<std::string, Role, std::less<>> roles;
};

// Which computations with other realms (session/README.md) the enclaves of this one take part in.
struct SessionRule {
  std::string id;                               // pattern of the sessions' ids, see key_pattern.hpp
  std::string protocol;                         // exactly this one
  std::vector<std::string> own_roles;           // who of this realm may take part
  std::optional<std::uint64_t> runs_per_input;  // of one input, in all; nullopt: "any"
  std::map<std::string, SessionRealm, std::less<>> realms;  // the others
};

using RotationIntervals =
    std::map<std::string, RotationInterval, std::less<>>;  // by key name pattern
using Operators = std::map<std::string, Operator, std::less<>>;
using Roles = std::map<std::string, Role, std::less<>>;
using Purposes = std::map<std::string, Purpose, std::less<>>;
// By a name for people. No two of one protocol match the same id.
using SessionRules = std::map<std::string, SessionRule, std::less<>>;

struct Model {
  std::string realm;
  std::uint64_t serial = 0;
  base::UnixMillis valid_from, valid_until;  // [from, until)
  attest::AuthorityDigest authority;         // of the exact descriptor, see attest/authority.hpp
  std::uint16_t minimum_protocol_version = 0;
  std::uint64_t document_max_age_seconds = 0;
  ChannelLife channel_life;
  std::optional<Freshness> freshness;            // nullopt: "none"
  std::optional<std::string> kms_key_arn;        // nullopt: "none"
  std::vector<RootGeneration> root_generations;  // ascending; empty: genesis
  std::vector<Image> images;                     // as in the file
  Roles roles;
  Purposes purposes;
  std::vector<Grant> grants;
  RotationIntervals rotation;
  Operators operators;
  std::optional<Recovery> recovery;  // nullopt: "none"
  AuditedUses audited_uses = AuditedUses::all;
  SessionRules sessions;  // empty: none

  [[nodiscard]] const Role* role(std::string_view name) const;
  [[nodiscard]] const Purpose* purpose(std::string_view name) const;
  [[nodiscard]] const Image* image(std::string_view name) const;
  // nullptr before genesis.
  [[nodiscard]] const RootGeneration* current_root() const;
  // Null where it is not pinned.
  [[nodiscard]] const RootGeneration* root(std::uint32_t generation) const;
  // The one that genesis makes: behind all that are pinned.
  [[nodiscard]] std::uint32_t next_root_generation() const;
};

// PCR3 of an enclave whose parent has this IAM role; PCR4 of one on this instance:
// SHA-384(48 zero bytes || text), as AWS documents for "PCR3" and "PCR4".
[[nodiscard]] PcrValue pcr_of_text(std::string_view text);

}  // namespace concordat::policy
