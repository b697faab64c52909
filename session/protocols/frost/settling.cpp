#include "session/protocols/frost/settling.hpp"

#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/parameters.hpp"

namespace concordat::session::frost {
namespace {

using base::Error;
using base::Result;
using base::Status;

// Of which a receipt shows that its shares are safe.
struct SafeEpoch {
  Element public_key;
  std::uint64_t epoch = 0;
};

Result<SafeEpoch> safe_epoch(const JudgedReceipt& receipt) {
  const DescriptorFields& fields = receipt->descriptor->fields();
  if (fields.protocol == kReshareName) {
    CONCORDAT_TRY(const GroupInfo replaced, replaced_group(receipt));
    return SafeEpoch{replaced.public_key(), replaced.epoch() + 1};
  }
  if (fields.protocol == kSignName) {
    CONCORDAT_TRY(const SignParameters signing,
                  parse_sign(fields.parameters, fields.parties.size()));
    return SafeEpoch{signing.group.public_key(), signing.group.epoch()};
  }
  return Error(Errc::not_settled_by, "it is of " + fields.protocol);
}

}  // namespace

Result<GroupInfo> replaced_group(const JudgedReceipt& receipt) {
  const DescriptorFields& fields = receipt->descriptor->fields();
  if (fields.protocol != kReshareName) {
    return Error(Errc::not_settled_by, "it is of " + fields.protocol);
  }
  CONCORDAT_TRY(ReshareParameters dealt, parse_reshare(fields.parameters, fields.parties.size()));
  return std::move(dealt.group);
}

Status check_settled(const JudgedReceipt& receipt, const GroupInfo& old) {
  CONCORDAT_TRY(const SafeEpoch safe, safe_epoch(receipt));
  if (safe.public_key != old.public_key()) return Error(Errc::not_settled_by, "of another key");
  if (old.epoch() < safe.epoch) return {};
  return Error(Errc::not_settled_by, "it shows that epoch " + std::to_string(safe.epoch) +
                                         " is safe, not a later one than " +
                                         std::to_string(old.epoch()));
}

}  // namespace concordat::session::frost
