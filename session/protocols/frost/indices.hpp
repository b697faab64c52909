// Which party of a run has which share. Where a descriptor does not say, a party's share is that of
// its place.
#pragma once

#include "session/protocol.hpp"
#include "session/protocols/frost/ciphersuite.hpp"

namespace concordat::session::frost {

using Indices = std::map<PartyIndex, Index>;

[[nodiscard]] Indices by_place(const std::vector<PartyIndex>& parties);
// Those of `parties`. wrong_parties where one of them has no share.
[[nodiscard]] base::Result<Indices> those_of(const std::vector<PartyIndex>& parties,
                                             const Indices& indices);
// Whether they are of shares 1 to `largest`, each at one party. wrong_parties, which begins with
// `what`.
[[nodiscard]] base::Status check_distinct(const Indices& indices, std::size_t largest,
                                          std::string_view what);

}  // namespace concordat::session::frost
