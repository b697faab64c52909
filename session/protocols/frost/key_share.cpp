#include "session/protocols/frost/key_share.hpp"

#include "attest/base/cbor.hpp"
#include "attest/base/secret_access.hpp"
#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;

constexpr std::string_view kShareFormat = "concordat/frost-share/1";

}  // namespace

Result<KeyShare> KeyShare::create(GroupInfo group, Index index, Scalar secret) {
  if (index == 0 || index > group.holders()) {
    return Error(Errc::wrong_share,
                 "of holder " + std::to_string(index) + " of " + std::to_string(group.holders()));
  }
  const auto found = base::sharing::times_base<Curve>(secret);
  if (!found || *found != group.verification_share(index)) {
    return Error(Errc::wrong_share, "does not match verification share " + std::to_string(index));
  }
  return KeyShare(std::move(group), index, std::move(secret));
}

base::Status KeyShare::check_group(const GroupInfo& wanted) const {
  if (group_ == wanted) return {};
  if (group_.public_key() != wanted.public_key()) {
    return Error(Errc::wrong_share, "of another key than the descriptor's group");
  }
  if (group_.epoch() == wanted.epoch()) {
    return Error(Errc::wrong_share, "of another dealing of epoch " +
                                        std::to_string(group_.epoch()) +
                                        " than the descriptor's group");
  }
  return Error(Errc::other_epoch, "this share is of epoch " + std::to_string(group_.epoch()) +
                                      ", the descriptor's group of epoch " +
                                      std::to_string(wanted.epoch()));
}

Result<KeyShare> KeyShare::decode(const SecretBytes& encoded) {
  base::cbor::Reader reader(encoded.expose(SecretAccess{}));
  CONCORDAT_TRY(const std::size_t parts, reader.read_array(4));
  CONCORDAT_TRY(const std::string_view format, reader.read_text(kShareFormat.size()));
  if (parts != 4 || format != kShareFormat) return Error(Errc::wrong_share, "another format");
  CONCORDAT_TRY(const BytesView group_bytes, reader.read_bytes(kMaxGroup));
  CONCORDAT_TRY(GroupInfo group, GroupInfo::decode(group_bytes));
  CONCORDAT_TRY(const std::uint64_t index, reader.read_uint());
  if (index > kMaxHolders) return Error(Errc::wrong_share, "of holder " + std::to_string(index));
  CONCORDAT_TRY(const BytesView share, reader.read_bytes(kScalarSize));
  CONCORDAT_CHECK(reader.finish());
  CONCORDAT_TRY(Scalar secret, read_scalar(share));
  return create(std::move(group), static_cast<Index>(index), std::move(secret));
}

SecretBytes KeyShare::encoded() const {
  base::cbor::Writer head;
  head.array(4).text(kShareFormat).bytes(group_.encoded()).uint(index_).bytes_head(kScalarSize);
  SecretBytes out = SecretBytes::zeroed(head.view().size() + kScalarSize);
  const auto to = out.expose_mutable(SecretAccess{});
  std::ranges::copy(head.view(), to.begin());
  std::ranges::copy(secret_.bytes().expose(SecretAccess{}), to.last<kScalarSize>().begin());
  return out;
}

}  // namespace concordat::session::frost
