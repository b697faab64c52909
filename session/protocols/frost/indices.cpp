#include "session/protocols/frost/indices.hpp"

#include <set>

#include "session/protocols/frost/errc.hpp"

namespace concordat::session::frost {

using base::Error;

Indices by_place(const std::vector<PartyIndex>& parties) {
  Indices out;
  for (const PartyIndex party : parties)
    out.emplace(party, party);
  return out;
}

base::Result<Indices> those_of(const std::vector<PartyIndex>& parties, const Indices& indices) {
  Indices out;
  for (const PartyIndex party : parties) {
    const auto found = indices.find(party);
    if (found == indices.end()) {
      return Error(Errc::wrong_parties, "party " + std::to_string(party) + " has no share");
    }
    out.insert(*found);
  }
  return out;
}

base::Status check_distinct(const Indices& indices, std::size_t largest, std::string_view what) {
  std::set<Index> seen;
  for (const auto& [party, index] : indices) {
    if (index == 0 || index > largest || !seen.insert(index).second) {
      return Error(Errc::wrong_parties, std::string(what) + ": party " + std::to_string(party) +
                                            " has share " + std::to_string(index) + " of " +
                                            std::to_string(largest));
    }
  }
  return {};
}

}  // namespace concordat::session::frost
