// A set of recovery shares, as the parent stores it and operators carry it. Nothing in it can be
// read without k of the holders' keys, and whoever changes it is found out.
//
//   package      [1, set (bstr), document (bstr)]
//   set          [1, header (bstr), [sealed share (bstr)...], sealed root (bstr)]
//   header       ["concordat/recovery-set/1", set id (16), null or the id of the set it replaces,
//                 realm, root generation, policy digest (32), commitments (bstr, 32 for each of k),
//                 [[holder, X25519 key (32)]...]]
//
// Deterministic CBOR. Holders stand in the order of their names; the share at place i, from 1, is
// the i-th holder's. With s a scalar at random, f a polynomial of degree k - 1, f(0) = s:
//
//   commitments   of f, ristretto255 (attest/base/sharing)
//   sealed share  HPKE, mode base, to the holder's key, of f(i),
//                 info = CBOR ["concordat/recovery-share/1", header, i]
//   sealed root   AES-256-GCM, nonce 0, of the root's prk (keyservice/root.hpp), associated:
//   header,
//                 key = Expand(Extract("concordat/recovery-root/1", s), SHA-256(header), 32)
//   digest        SHA-256 of the set
//   document      the maker's attestation document of purpose recovery_set: evidence.hpp
//
// s is of this set alone, so its key seals one message and the nonce may be fixed.
#pragma once

#include <vector>

#include "attest/base/hpke.hpp"
#include "attest/base/sharing/commitments.hpp"
#include "keyservice/recovery/limits.hpp"
#include "keyservice/root.hpp"
#include "policy/recovery_order.hpp"

namespace concordat::keyservice::recovery {

using policy::RecoverySetId;
using Commitments = base::sharing::Commitments<base::sharing::Ristretto255>;

struct Holder {
  std::string name;
  policy::HolderKey key;
};

class RecoverySet {
 public:
  // Shares and the sealed root of `root` for the holders that `policy` names, as ordered.
  // no_recovery_holders, too_many_recovery_holders, other_generation.
  [[nodiscard]] static base::Result<RecoverySet> make(const Root& root,
                                                      const policy::Policy& policy,
                                                      const policy::MakeOrder& order);
  // recovery_set_malformed. That it is the one that is meant is for its digest to say.
  [[nodiscard]] static base::Result<RecoverySet> parse(base::BytesView encoded);

  [[nodiscard]] const base::Bytes& encoded() const noexcept { return encoded_; }
  [[nodiscard]] base::Sha256Digest digest() const;
  [[nodiscard]] const RecoverySetId& id() const noexcept { return id_; }
  [[nodiscard]] const std::optional<RecoverySetId>& replaces() const noexcept { return replaces_; }
  [[nodiscard]] const std::string& realm() const noexcept { return realm_; }
  [[nodiscard]] std::uint32_t generation() const noexcept { return generation_; }
  [[nodiscard]] const policy::PolicyDigest& policy_digest() const noexcept { return policy_; }
  [[nodiscard]] const Commitments& commitments() const noexcept { return *commitments_; }
  [[nodiscard]] std::size_t threshold() const noexcept { return commitments_->threshold(); }
  [[nodiscard]] const std::vector<Holder>& holders() const noexcept { return holders_; }
  // 0: nobody of that name.
  [[nodiscard]] base::sharing::Index index_of(std::string_view holder) const noexcept;

  // The share of the holder whose key this is, matched against the commitments. not_a_holder,
  // not_authentic, share_wrong.
  [[nodiscard]] base::Result<base::sharing::Share> open_share(
      const base::hpke::PrivateKey& key) const;
  // What k shares that were matched give. recovery_set_does_not_open.
  [[nodiscard]] base::Result<Root> open_root(const base::sharing::Scalar& secret) const;

 private:
  RecoverySet() = default;
  [[nodiscard]] base::Bytes header() const;
  [[nodiscard]] base::Bytes share_info(base::sharing::Index index) const;
  [[nodiscard]] base::SecretBytes root_key(const base::sharing::Scalar& secret) const;
  [[nodiscard]] base::Status read_header(base::BytesView header);
  void encode();

  RecoverySetId id_;
  std::optional<RecoverySetId> replaces_;
  std::string realm_;
  std::uint32_t generation_ = 0;
  policy::PolicyDigest policy_;
  std::optional<Commitments> commitments_;
  std::vector<Holder> holders_;
  std::vector<base::Bytes> shares_;
  base::Bytes sealed_root_;
  base::Bytes encoded_;
};

struct Package {
  base::Bytes set;
  base::Bytes document;
};
[[nodiscard]] base::Bytes encode(const Package& package);
// recovery_set_malformed.
[[nodiscard]] base::Result<Package> parse_package(base::BytesView encoded);

}  // namespace concordat::keyservice::recovery
