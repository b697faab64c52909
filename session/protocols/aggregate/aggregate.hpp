// One party's rounds, from its tally on.
#pragma once

#include "session/protocol.hpp"
#include "session/protocols/aggregate/parameters.hpp"
#include "session/protocols/aggregate/words.hpp"

namespace concordat::session::aggregate {

// bad_parties unless the seat has as many as the parameters were judged for.
[[nodiscard]] base::Result<std::unique_ptr<Protocol>> make_protocol(
    std::unique_ptr<const Parameters> parameters, Words tally, const Seat& seat);

}  // namespace concordat::session::aggregate
