// A party's table into its tally.
#include "attest/base/stack_wipe.hpp"
#include "session/input/errc.hpp"
#include "session/protocols/aggregate/aggregate.hpp"
#include "session/protocols/aggregate/kind.hpp"
#include "session/protocols/aggregate/tally.hpp"

namespace concordat::session::aggregate {
namespace {

std::unique_ptr<input::TableReader> make_reader(const Parameters& parameters) {
  std::vector<std::string> columns;
  for (const Column& column : parameters.columns)
    columns.push_back(column.name);
  return parameters.format == Format::csv ? input::make_csv_reader(std::move(columns))
                                          : input::make_json_lines_reader(std::move(columns));
}

class TableIntake final : public Intake {
 public:
  explicit TableIntake(Parameters parameters)
      : parameters_(std::make_unique<const Parameters>(std::move(parameters))),
        tally_(*parameters_),
        reader_(make_reader(*parameters_)) {}

  [[nodiscard]] base::Status feed(base::BytesView piece) override {
    const base::StackWipe wipe;
    return reader_->feed(piece, tally_);
  }
  [[nodiscard]] base::Status restore(base::SecretBytes) override {
    return base::Error(input::Errc::malformed, "this protocol keeps nothing between runs");
  }
  [[nodiscard]] base::Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    const base::StackWipe wipe;
    CONCORDAT_CHECK(reader_->finish(tally_));
    return make_protocol(std::move(parameters_), std::move(tally_).take(), seat);
  }

 private:
  std::unique_ptr<const Parameters> parameters_;
  Tally tally_;
  std::unique_ptr<input::TableReader> reader_;
};

base::Result<std::unique_ptr<Intake>> take(base::BytesView parameters, std::size_t parties,
                                           std::size_t) {
  CONCORDAT_TRY(Parameters parsed, parse_parameters(parameters, parties));
  return std::unique_ptr<Intake>(std::make_unique<TableIntake>(std::move(parsed)));
}

base::Result<std::unique_ptr<Protocol>> watch(base::BytesView parameters, const Seat& seat) {
  CONCORDAT_TRY(Parameters parsed, parse_parameters(parameters, seat.parties.size()));
  Words nothing = Tally(parsed).take();
  return make_protocol(std::make_unique<const Parameters>(std::move(parsed)), std::move(nothing),
                       seat);
}

}  // namespace

ProtocolKind kind() {
  return {"aggregate/1", take, watch};
}

}  // namespace concordat::session::aggregate
