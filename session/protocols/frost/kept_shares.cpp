#include "session/protocols/frost/kept_shares.hpp"

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "attest/base/hash.hpp"
#include "attest/base/secret_access.hpp"
#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/parameters.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::Status;

constexpr std::string_view kSharesFormat = "concordat/frost-shares/1";
// Of a share's encoding: its group, and a hundred for the rest.
constexpr std::size_t kMaxShare = kMaxGroup + 100;

bool shows(const VerifiedReceipt& receipt, const GroupInfo& group) {
  const DescriptorFields& fields = receipt.descriptor->fields();
  if (fields.protocol == kKeygenName || fields.protocol == kReshareName) {
    return receipt.result == base::sha256({group.encoded()});
  }
  if (fields.protocol != kSignName) return false;
  const auto parameters = parse_sign(fields.parameters, fields.parties.size());
  return parameters && parameters->group == group;
}

}  // namespace

Result<KeptShares> KeptShares::decode(const SecretBytes& encoded) {
  base::cbor::Reader reader(encoded.expose(SecretAccess{}));
  CONCORDAT_TRY(const std::size_t parts, reader.read_array(3));
  CONCORDAT_TRY(const std::string_view format, reader.read_text(kSharesFormat.size()));
  if (parts != 3 || format != kSharesFormat) return Error(Errc::wrong_share, "another format");
  KeptShares out;
  CONCORDAT_TRY(out.has_current_, reader.read_bool());
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMaxKeptShares));
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(kMaxShare));
    SecretBytes one = SecretBytes::zeroed(bytes.size());
    std::ranges::copy(bytes, one.expose_mutable(SecretAccess{}).begin());
    CONCORDAT_TRY(KeyShare share, KeyShare::decode(one));
    CONCORDAT_CHECK(out.add(std::move(share)));
  }
  CONCORDAT_CHECK(reader.finish());
  if (out.shares_.size() == count && (count > 0 || !out.has_current_)) return out;
  return Error(Errc::wrong_share, "one share twice, or none that is the current one");
}

SecretBytes KeptShares::encoded() const {
  base::cbor::Writer head;
  head.array(3).text(kSharesFormat).boolean(has_current_).array(shares_.size());
  std::vector<std::pair<base::Bytes, SecretBytes>> items;  // head and share
  std::size_t size = head.view().size();
  for (const KeyShare& share : shares_) {
    SecretBytes encoded = share.encoded();
    base::cbor::Writer item;
    item.bytes_head(encoded.size());
    size += item.view().size() + encoded.size();
    items.emplace_back(std::move(item).take(), std::move(encoded));
  }
  SecretBytes out = SecretBytes::zeroed(size);
  auto to = std::ranges::copy(head.view(), out.expose_mutable(SecretAccess{}).begin()).out;
  for (const auto& [item_head, share] : items) {
    to = std::ranges::copy(item_head, to).out;
    to = std::ranges::copy(share.expose(SecretAccess{}), to).out;
  }
  return out;
}

Status KeptShares::add(KeyShare share) {
  for (const KeyShare& other : shares_) {
    if (other.group().public_key() != share.group().public_key()) {
      return Error(Errc::wrong_share, "of another key than the shares that are kept here");
    }
    if (other.group() == share.group() && other.index() == share.index()) return {};
  }
  if (shares_.size() == kMaxKeptShares) return Error(Errc::too_many_shares);
  shares_.push_back(std::move(share));
  return {};
}

Status KeptShares::settle(const VerifiedReceipt& receipt) {
  const auto safe = std::ranges::find_if(
      shares_, [&](const KeyShare& share) { return shows(receipt, share.group()); });
  if (safe == shares_.end()) return Error(Errc::not_settled_by);
  const std::uint64_t epoch = safe->group().epoch();
  // A receipt of an epoch that has passed here.
  if (has_current_ && epoch < shares_.front().group().epoch()) return {};
  std::rotate(shares_.begin(), safe, std::next(safe));
  has_current_ = true;
  delete_before(epoch);
  return {};
}

Status KeptShares::leave(const VerifiedReceipt& receipt, const GroupInfo& group) {
  if (!shows(receipt, group)) return Error(Errc::not_settled_by);
  if (shares_.empty()) return {};
  if (shares_.front().group().public_key() != group.public_key()) {
    return Error(Errc::wrong_share, "of another key than the receipt's group");
  }
  delete_before(group.epoch());
  return {};
}

void KeptShares::delete_before(std::uint64_t epoch) {
  if (has_current_ && shares_.front().group().epoch() < epoch) has_current_ = false;
  std::erase_if(shares_, [&](const KeyShare& share) { return share.group().epoch() < epoch; });
}

Result<const KeyShare*> KeptShares::of(const GroupInfo& group) const {
  std::string epochs;
  for (const KeyShare& share : shares_) {
    if (share.group() == group) return &share;
    epochs += (epochs.empty() ? "" : ", ") + std::to_string(share.group().epoch());
  }
  if (shares_.empty()) return Error(Errc::no_share);
  if (shares_.front().group().public_key() != group.public_key()) {
    return Error(Errc::wrong_share, "of another key than the descriptor's group");
  }
  return Error(Errc::other_epoch, "here are shares of epochs " + epochs +
                                      ", the descriptor's group is another, of epoch " +
                                      std::to_string(group.epoch()));
}

const KeyShare* KeptShares::current() const noexcept {
  return has_current_ ? &shares_.front() : nullptr;
}

}  // namespace concordat::session::frost
