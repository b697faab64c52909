// Boost.JSON's functions, compiled once for all who use its parser: Debian's library of them is not
// needed for its events alone.
#include <boost/json/src.hpp>
