// One party's items, a line each.
#pragma once

#include "session/input/lines.hpp"
#include "session/protocol.hpp"
#include "session/protocols/psi_size/limits.hpp"

namespace concordat::session::psi_size {

struct Parameters {
  std::size_t max_items = 0;  // of each party
  std::size_t min_items = 0;
};

class ItemIntake final : public Intake {
 public:
  explicit ItemIntake(const Parameters& parameters);
  [[nodiscard]] base::Status feed(base::BytesView piece) override;
  // Nothing is kept between runs: malformed.
  [[nodiscard]] base::Status restore(base::SecretBytes kept) override;
  [[nodiscard]] base::Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override;

 private:
  [[nodiscard]] base::Status take(base::BytesView line);
  // too_many unless the parameters' most are left.
  [[nodiscard]] base::Status drop_repeated();
  // The items' digests, each once, and random ones, which match nothing, up to max_items. About the
  // same work however many items there are.
  [[nodiscard]] base::Result<base::SecretBytes> filled_up();

  Parameters parameters_;
  input::Lines lines_{kLongestItem};
  // Room for twice as many as the parameters allow: repeated ones go when it is full.
  base::SecretBytes digests_;
  std::size_t count_ = 0;
};

// protocol.cpp
// `digests`: as many as max_items.
[[nodiscard]] std::unique_ptr<Protocol> make_protocol(const Parameters& parameters,
                                                      base::SecretBytes digests, const Seat& seat);

}  // namespace concordat::session::psi_size
