// concordat measure
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/eif.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/commands.hpp"

namespace concordat::cli {
namespace {

// Byte for byte what `nitro-cli build-enclave` prints: a policy takes either's output.
std::string to_json(const attest::EifMeasurements& measurements) {
  nlohmann::ordered_json values{{"HashAlgorithm", "Sha384 { ... }"},
                                {"PCR0", measurements.pcr0.hex()},
                                {"PCR1", measurements.pcr1.hex()},
                                {"PCR2", measurements.pcr2.hex()}};
  if (measurements.pcr8) values["PCR8"] = measurements.pcr8->hex();
  return nlohmann::ordered_json{{"Measurements", values}}.dump(2);
}

base::Result<attest::EifImage> read_image(const std::string& path) {
  CONCORDAT_TRY(attest::EifFile file, attest::EifFile::open(path));
  return attest::read_eif(file);
}

ExitStatus run_measure(const std::string& path, bool json, const Invocation& invocation) {
  const auto image = read_image(path);
  if (!image) {
    const bool unreadable = image.error().is(attest::EifErrc::unreadable);
    return answer_failure(invocation, json, unreadable ? "measure" : path, image.error());
  }
  invocation.out << to_json(image->measurements) << "\n";
  return ExitStatus::done;
}

}  // namespace

void add_measure_command(Command app, Invocation& invocation) {
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  const Command measure =
      app.add_subcommand("measure", "Print an enclave image's PCR0, PCR1, PCR2 (and PCR8)");
  measure.add_option("FILE", *path, "Enclave image file (EIF)").required();
  measure.add_flag("--json", *json,
                   "Print failures as one JSON object too; measurements always are");
  measure.footer(
      "Prints what `nitro-cli build-enclave` and `describe-eif` print as Measurements; PCR8 only\n"
      "where the image is signed.\n"
      "Examples:\n"
      "  concordat measure worker.eif\n"
      "  concordat measure worker.eif > worker.json\n"
      "Exit status: 0 measured, 2 the image is damaged, 1 usage or input/output error.");
  on_chosen(measure, invocation,
            [path, json, &invocation] { return run_measure(*path, *json, invocation); });
}

}  // namespace concordat::cli
