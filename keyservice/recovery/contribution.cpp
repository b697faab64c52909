#include "keyservice/recovery/contribution.hpp"

#include "attest/base/cbor_fixed.hpp"
#include "keyservice/recovery/errc.hpp"
#include "keyservice/recovery/reading.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice::recovery {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;
using base::sharing::Index;
using base::sharing::Scalar;
using base::sharing::Share;

constexpr std::string_view kDomain = "concordat/recovery-contribution/1";
constexpr std::size_t kSealed = base::sharing::kScalarSize + base::hpke::kOverhead;

Bytes info_of(const policy::OrderDigest& order, const RecoverySet& set, const std::string& holder) {
  Writer out;
  out.array(5).text(kDomain).bytes(order.view()).bytes(set.digest().view()).text(holder);
  out.uint(set.index_of(holder));
  return std::move(out).take();
}

}  // namespace

Bytes encode(const Contribution& contribution) {
  Writer out;
  out.array(4).text(kDomain).bytes(contribution.order.view()).text(contribution.holder);
  out.bytes(contribution.sealed);
  return std::move(out).take();
}

Result<Contribution> parse_contribution(BytesView encoded) {
  const auto read = [&]() -> Result<Contribution> {
    Reader reader(encoded);
    CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
    CONCORDAT_TRY(const std::string_view domain, reader.read_text(kDomain.size()));
    if (count != 4 || domain != kDomain)
      return Error(base::cbor::Errc::malformed, "of another kind");
    Contribution out;
    CONCORDAT_TRY(out.order, read_fixed<policy::OrderDigest>(reader));
    CONCORDAT_TRY(out.holder, reader.read_text(policy::limits::kNameLength));
    CONCORDAT_TRY(const BytesView sealed, reader.read_bytes(kSealed));
    out.sealed = base::to_bytes(sealed);
    CONCORDAT_CHECK(reader.finish());
    return out;
  };
  if (encoded.size() > kMaxContribution) return Error(Errc::contribution_malformed, "too large");
  auto out = read();
  if (!out) return Error(Errc::contribution_malformed, out.error().to_string());
  return out;
}

Status check_ordered(const ContributionOrder& order) {
  const policy::RestoreOrder& wanted = order.order.order;
  if (order.set.digest() != wanted.set_digest || order.set.id() != wanted.set ||
      order.set.generation() != wanted.generation || order.set.realm() != wanted.realm) {
    return Error(Errc::set_differs,
                 "the order names set " + wanted.set.hex() + ", digest " + wanted.set_digest.hex() +
                     "; this is " + order.set.id().hex() + ", digest " + order.set.digest().hex());
  }
  if (order.target.key != wanted.target || order.target.challenge != wanted.challenge) {
    return Error(Errc::document_differs, "the order names target " + wanted.target.hex() +
                                             ", the document is of " + order.target.key.hex());
  }
  return {};
}

Result<Contribution> contribute(const ContributionOrder& order,
                                const base::hpke::PrivateKey& holder) {
  CONCORDAT_CHECK(check_ordered(order));
  CONCORDAT_TRY(const Share share, order.set.open_share(holder));
  return detail::seal_contribution(order, holder, order.set.holders()[share.index - 1].name,
                                   share.value.bytes());
}

Result<Contribution> detail::seal_contribution(const ContributionOrder& order,
                                               const base::hpke::PrivateKey& holder,
                                               const std::string& name, const SecretBytes& share) {
  CONCORDAT_TRY(Bytes sealed,
                base::hpke::seal_from(holder, sealing_key(order.target.key),
                                      info_of(order.order.digest, order.set, name), share));
  return Contribution{order.order.digest, name, std::move(sealed)};
}

Result<Share> open_contribution(const Contribution& contribution,
                                const policy::SignedOrder<policy::RestoreOrder>& order,
                                const RecoverySet& set, const base::hpke::PrivateKey& target) {
  if (contribution.order != order.digest) {
    return Error(Errc::contribution_not_for_this, "it is for order " + contribution.order.hex() +
                                                      ", this one is " + order.digest.hex());
  }
  const Index index = set.index_of(contribution.holder);
  if (index == 0) return Error(Errc::not_a_holder, "the set has no share of such a holder");
  auto opened =
      base::hpke::open_from(sealing_key(set.holders()[index - 1].key), target,
                            info_of(order.digest, set, contribution.holder), contribution.sealed);
  if (!opened)
    return Error(Errc::contribution_not_authentic,
                 "it claims to be of '" + contribution.holder + "'");
  auto value = Scalar::from_bytes(*std::move(opened));
  if (!value) return Error(Errc::share_wrong, value.error().to_string());
  return Share{index, *std::move(value)};
}

}  // namespace concordat::keyservice::recovery
