// A handshake's own cost, which others measure against, too.
#pragma once

namespace concordat::bench {

// Seconds of CPU time of both ends of one handshake with known leaves, over a run of about `slice`.
[[nodiscard]] double handshake_seconds(double slice);

}  // namespace concordat::bench
