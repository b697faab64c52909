// When shares of a key may be deleted, because resharing has replaced them.
//
// Whoever deletes its old share because it has a new one may lose the key: another holder may have
// stopped, for want of one confirmation. So both stay until a receipt shows that shares of a later
// epoch are safe:
//
//   of frost-reshare/1   all confirmed it, and whoever got a share had it stored before
//   of frost-sign/1      as many as the threshold of the group that signed have theirs
//
// Then those of every earlier epoch may go. Receipts are anybody's: a holder that stopped, or had
// no part in the resharing, is shown another's. What was confirmed is worth what the enclaves that
// confirmed it are: hence of judged receipts alone.
//
// So there are always enough shares: let e be the last epoch of which there is a receipt. No holder
// of it has deleted its share of it, since only a receipt of a later one would have let it. Of two
// resharings of one epoch both stay until a later one is settled.
#pragma once

#include "session/judged_receipt.hpp"
#include "session/protocols/frost/group_info.hpp"

namespace concordat::session::frost {

// The group whose shares a resharing made anew; not_settled_by for a receipt of anything else.
[[nodiscard]] base::Result<GroupInfo> replaced_group(const JudgedReceipt& receipt);

// Whether by this receipt shares of `old` may be deleted; not_settled_by with what it shows
// instead.
[[nodiscard]] base::Status check_settled(const JudgedReceipt& receipt, const GroupInfo& old);

}  // namespace concordat::session::frost
