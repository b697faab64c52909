#include "keyservice/recovery/set.hpp"

#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/recovery/errc.hpp"
#include "keyservice/recovery/reading.hpp"
#include "peer/aead.hpp"
#include "peer/limits.hpp"
#include "policy/limits.hpp"

namespace concordat::keyservice::recovery {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;
using base::sharing::Index;
using base::sharing::Polynomial;
using base::sharing::Scalar;
using base::sharing::Share;

constexpr std::string_view kHeader = "concordat/recovery-set/1";
constexpr std::string_view kShare = "concordat/recovery-share/1";
constexpr std::string_view kRoot = "concordat/recovery-root/1";
constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kTag = 16;
constexpr std::size_t kSealedShare = base::sharing::kScalarSize + base::hpke::kOverhead;
constexpr std::size_t kSealedRoot = kRootPrkSize + kTag;
constexpr std::array<std::uint8_t, peer::kAeadNonceSize> kNonce{};

Status want_version(Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t version, reader.read_uint());
  if (version == kVersion) return {};
  return Error(base::cbor::Errc::malformed, "version " + std::to_string(version));
}

Result<Bytes> read_exactly(Reader& reader, std::size_t size) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(size));
  if (bytes.size() == size) return base::to_bytes(bytes);
  return Error(base::EncodingErrc::wrong_length, "want " + std::to_string(size) + " bytes");
}

Result<std::vector<Holder>> read_holders(Reader& reader) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMaxHolders));
  std::vector<Holder> out;
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_CHECK(want_array(reader, 2));
    Holder holder;
    CONCORDAT_TRY(holder.name, reader.read_text(policy::limits::kNameLength));
    CONCORDAT_TRY(holder.key, read_fixed<policy::HolderKey>(reader));
    if (!out.empty() && out.back().name >= holder.name) {
      return Error(base::cbor::Errc::malformed, "holders are not in the order of their names");
    }
    out.push_back(std::move(holder));
  }
  return out;
}

Error malformed(const Error& why) {
  return {Errc::set_malformed, why.to_string()};
}

}  // namespace

Bytes RecoverySet::header() const {
  Writer out;
  out.array(8).text(kHeader).bytes(id_.view());
  replaces_ ? void(out.bytes(replaces_->view())) : void(out.null());
  out.text(realm_).uint(generation_).bytes(policy_.view()).bytes(commitments_->encoded());
  out.array(holders_.size());
  for (const Holder& holder : holders_)
    out.array(2).text(holder.name).bytes(holder.key.view());
  return std::move(out).take();
}

Bytes RecoverySet::share_info(Index index) const {
  Writer out;
  out.array(3).text(kShare).bytes(header()).uint(index);
  return std::move(out).take();
}

SecretBytes RecoverySet::root_key(const Scalar& secret) const {
  const SecretBytes prk = base::hkdf_extract(base::as_bytes(kRoot), secret.bytes());
  return base::hkdf_expand(prk, base::sha256({header()}).view(), peer::kAeadKeySize);
}

void RecoverySet::encode() {
  Writer out;
  out.array(4).uint(kVersion).bytes(header()).array(shares_.size());
  for (const Bytes& share : shares_)
    out.bytes(share);
  out.bytes(sealed_root_);
  encoded_ = std::move(out).take();
}

Result<RecoverySet> RecoverySet::make(const Root& root, const policy::Policy& policy,
                                      const policy::MakeOrder& order) {
  const auto& recovery = policy.model().recovery;
  if (!recovery) return Error(Errc::no_holders);
  if (recovery->holders.size() > kMaxHolders) {
    return Error(Errc::too_many_holders, std::to_string(recovery->holders.size()) + "; at most " +
                                             std::to_string(kMaxHolders));
  }
  if (order.generation != root.generation()) {
    return Error(Errc::other_generation, "the order names " + std::to_string(order.generation) +
                                             ", this custodian has " +
                                             std::to_string(root.generation()));
  }
  CONCORDAT_TRY(const Polynomial polynomial,
                Polynomial::random(Scalar::random(), recovery->threshold));
  RecoverySet set;
  set.id_ = order.set;
  set.replaces_ = order.replaces;
  set.realm_ = policy.realm();
  set.generation_ = root.generation();
  set.policy_ = policy.digest();
  set.commitments_ = Commitments::of(polynomial);
  for (const auto& [name, key] : recovery->holders)
    set.holders_.push_back({name, key});
  for (Index index = 1; index <= set.holders_.size(); ++index) {
    CONCORDAT_TRY(const Share share, polynomial.share(index));
    CONCORDAT_TRY(Bytes sealed, base::hpke::seal(sealing_key(set.holders_[index - 1].key),
                                                 set.share_info(index), share.value.bytes()));
    set.shares_.push_back(std::move(sealed));
  }
  const SecretBytes prk = root.prk();
  set.sealed_root_.resize(kSealedRoot);
  peer::Aead(set.root_key(polynomial.coefficients().front()), peer::Aead::Direction::seal)
      .seal(kNonce, set.header(), prk.expose(SecretAccess{}), set.sealed_root_);
  set.encode();
  return set;
}

Status RecoverySet::read_header(BytesView header) {
  Reader reader(header);
  CONCORDAT_CHECK(want_array(reader, 8));
  CONCORDAT_TRY(const std::string_view kind, reader.read_text(kHeader.size()));
  if (kind != kHeader) return Error(base::cbor::Errc::malformed, "of another kind");
  CONCORDAT_TRY(id_, read_fixed<RecoverySetId>(reader));
  CONCORDAT_TRY(const bool replaces_none, reader.take_null());
  if (!replaces_none) {
    CONCORDAT_TRY(replaces_, read_fixed<RecoverySetId>(reader));
  }
  CONCORDAT_TRY(realm_, reader.read_text(policy::limits::kNameLength));
  CONCORDAT_TRY(generation_, read_uint32(reader));
  CONCORDAT_TRY(policy_, read_fixed<policy::PolicyDigest>(reader));
  CONCORDAT_TRY(const BytesView commitments,
                reader.read_bytes(kMaxHolders * base::sharing::kElementSize));
  CONCORDAT_TRY(commitments_, Commitments::from_bytes(commitments));
  CONCORDAT_TRY(holders_, read_holders(reader));
  if (commitments_->threshold() > holders_.size()) {
    return Error(base::cbor::Errc::malformed, "a threshold above the number of holders");
  }
  return reader.finish();
}

Result<RecoverySet> RecoverySet::parse(BytesView encoded) {
  if (encoded.size() > kMaxSet) {
    return Error(Errc::set_malformed, std::to_string(encoded.size()) + " bytes are too many");
  }
  RecoverySet set;
  const auto read = [&]() -> Status {
    Reader reader(encoded);
    CONCORDAT_CHECK(want_array(reader, 4));
    CONCORDAT_CHECK(want_version(reader));
    CONCORDAT_TRY(const BytesView header, reader.read_bytes(kMaxSet));
    CONCORDAT_CHECK(set.read_header(header));
    CONCORDAT_CHECK(want_array(reader, set.holders_.size()));
    for (std::size_t i = 0; i < set.holders_.size(); ++i) {
      CONCORDAT_TRY(Bytes share, read_exactly(reader, kSealedShare));
      set.shares_.push_back(std::move(share));
    }
    CONCORDAT_TRY(set.sealed_root_, read_exactly(reader, kSealedRoot));
    return reader.finish();
  };
  if (const Status done = read(); !done) return malformed(done.error());
  set.encoded_ = base::to_bytes(encoded);
  return set;
}

base::Sha256Digest RecoverySet::digest() const {
  return base::sha256({encoded_});
}

Index RecoverySet::index_of(std::string_view holder) const noexcept {
  const auto found = std::ranges::find(holders_, holder, &Holder::name);
  return found == holders_.end() ? 0 : static_cast<Index>(found - holders_.begin() + 1);
}

Result<Share> RecoverySet::open_share(const base::hpke::PrivateKey& key) const {
  const auto own = std::ranges::find_if(holders_, [&](const Holder& holder) {
    return base::equal(holder.key.view(), key.public_key().view());
  });
  if (own == holders_.end()) {
    return Error(Errc::not_a_holder, "no share is sealed to key " + key.public_key().hex());
  }
  const Index index = index_of(own->name);
  CONCORDAT_TRY(SecretBytes opened, base::hpke::open(key, share_info(index), shares_[index - 1]));
  CONCORDAT_TRY(Scalar value, Scalar::from_bytes(std::move(opened)));
  Share share{index, std::move(value)};
  if (const Status right = commitments_->check(share); !right) {
    return Error(Errc::share_wrong, "as it was sealed to '" + own->name + "'");
  }
  return share;
}

Result<Root> RecoverySet::open_root(const Scalar& secret) const {
  SecretBytes prk = SecretBytes::zeroed(kRootPrkSize);
  const Status opened =
      peer::Aead(root_key(secret), peer::Aead::Direction::open)
          .open(kNonce, header(), sealed_root_, prk.expose_mutable(SecretAccess{}));
  if (!opened) return Error(Errc::set_does_not_open, id_.hex());
  return Root::from_prk(generation_, std::move(prk));
}

Bytes encode(const Package& package) {
  Writer out;
  out.array(3).uint(kVersion).bytes(package.set).bytes(package.document);
  return std::move(out).take();
}

Result<Package> parse_package(BytesView encoded) {
  const auto read = [&]() -> Result<Package> {
    Reader reader(encoded);
    CONCORDAT_CHECK(want_array(reader, 3));
    CONCORDAT_CHECK(want_version(reader));
    Package out;
    CONCORDAT_TRY(out.set, read_bytes(reader, kMaxSet));
    CONCORDAT_TRY(out.document, read_bytes(reader, kMaxPackage - kMaxSet));
    CONCORDAT_CHECK(reader.finish());
    return out;
  };
  if (encoded.size() > kMaxPackage) {
    return Error(Errc::set_malformed, std::to_string(encoded.size()) + " bytes are too many");
  }
  auto package = read();
  if (!package) return malformed(package.error());
  return package;
}

}  // namespace concordat::keyservice::recovery
