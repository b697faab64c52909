#include "session/input/errc.hpp"

namespace concordat::session::input {

base::CodeInfo describe(Errc code) noexcept {
  switch (code) {
    case Errc::malformed:
      return {"malformed_input", "the input is not in its format"};
    case Errc::too_long:
      return {"input_too_long", "longer than one may be"};
    case Errc::bad_column:
      return {"bad_column", "a column that the parameters name is missing or there twice"};
    case Errc::empty_cell:
      return {"empty_cell", "a cell that is wanted is empty"};
    case Errc::bad_number:
      return {"bad_number", "not a decimal number of as many decimals as the parameters allow"};
    case Errc::out_of_range:
      return {"out_of_range", "a number beyond the bounds of the parameters"};
    case Errc::outside_groups:
      return {"outside_groups", "a row that belongs to none of the parameters' groups"};
    case Errc::too_many:
      return {"too_many", "more than the parameters allow"};
    case Errc::too_few:
      return {"too_few", "fewer than the parameters demand"};
  }
  return {"unknown", "unknown error of an input"};
}

}  // namespace concordat::session::input
