// Moving from one store to another.
#pragma once

#include "deploy/parent/config.hpp"

namespace concordat::base {
class Logger;
}

namespace concordat::parent {

// Copies the folders that the enclaves of `to` name from the store of `from` to that of `to`; how
// many entries there were. What is there already as it should be is passed over, so it may be
// repeated; an entry that is there with another content ends it with version_differs.
[[nodiscard]] base::Result<std::size_t> copy_store(const Config& from, const Config& to,
                                                   base::Logger& log);

}  // namespace concordat::parent
