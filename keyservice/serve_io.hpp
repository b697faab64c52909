// An enclave's loop. What runs in it ends its own stream or request when memory runs out; whatever
// else throws for want of it loses its own step, and everybody else is served on.
#pragma once

#include <boost/asio/io_context.hpp>

#include "attest/base/log.hpp"

namespace concordat::keyservice {

// As io.run().
void run_despite_shortage(boost::asio::io_context& io, base::Logger& log);

}  // namespace concordat::keyservice
