#include "keyservice/serve_io.hpp"

#include <new>

#include "keyservice/error.hpp"

namespace concordat::keyservice {

void run_despite_shortage(boost::asio::io_context& io, base::Logger& log) {
  for (;;) {
    try {
      io.run();
      return;
    } catch (const std::bad_alloc&) {
      try {
        log.error("out_of_memory", base::Error(Errc::out_of_memory));
      } catch (const std::bad_alloc&) {  // then without a word
      }
    }
  }
}

}  // namespace concordat::keyservice
