// concordat policy enroll
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/eif.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_files.hpp"
#include "policy/edit.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {
namespace {

using base::Result;

struct Options {
  PolicyFiles files;
  policy::Enrolment enrolment;
  std::string eif;
  std::string measurements;
  std::vector<std::string> initiates;
  std::vector<std::string> responds;
  std::vector<std::string> grants;
  bool json = false;
};

Result<policy::Measurements> measure(const Options& options) {
  if (!options.eif.empty()) {
    CONCORDAT_TRY(attest::EifFile file, attest::EifFile::open(options.eif));
    CONCORDAT_TRY(const attest::EifImage image, attest::read_eif(file));
    const attest::EifMeasurements& m = image.measurements;
    return policy::Measurements{m.pcr0, m.pcr1, m.pcr2, m.pcr8};
  }
  CONCORDAT_TRY(const base::Bytes text,
                base::read_file_start(options.measurements, policy::limits::kPolicyBytes + 1));
  return policy::read_measurements(base::as_text(text));
}

// "payments/*:get,sign"; neither patterns nor operations contain a colon or a comma.
policy::NewGrant parse_grant(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    throw CLI::ValidationError("--grant", "want PATTERN:OPERATIONS such as 'payments/*:get,sign'");
  }
  policy::NewGrant grant{text.substr(0, colon), {}};
  for (std::size_t at = colon + 1; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    grant.operations.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return grant;
}

Result<policy::Measurements> enroll(const Options& options) {
  policy::Enrolment enrolment = options.enrolment;
  for (const std::string& purpose : options.initiates)
    enrolment.purposes.push_back({purpose, policy::Side::initiator});
  for (const std::string& purpose : options.responds)
    enrolment.purposes.push_back({purpose, policy::Side::responder});
  for (const std::string& grant : options.grants)
    enrolment.grants.push_back(parse_grant(grant));
  CONCORDAT_TRY(const OpenPolicy open, open_policy(options.files));
  CONCORDAT_TRY(enrolment.measurements, measure(options));
  CONCORDAT_TRY(const std::string text, policy::enroll(open.text, enrolment));
  CONCORDAT_CHECK(write_policy_text(options.files, text));
  return enrolment.measurements;
}

ExitStatus run_enroll(const Options& options, const Invocation& invocation) {
  const auto measured = enroll(options);
  if (!measured) return answer_failure(invocation, options.json, "enroll", measured.error());
  const policy::Enrolment& enrolment = options.enrolment;
  return answer(
      invocation, options.json,
      {{"image", enrolment.image},
       {"role", enrolment.role},
       {"PCR0", measured->pcr0.hex()},
       {"PCR1", measured->pcr1.hex()},
       {"PCR2", measured->pcr2.hex()},
       {"PCR8", measured->pcr8 ? nlohmann::ordered_json(measured->pcr8->hex()) : nullptr}},
      "enrolled image " + enrolment.image + " in role " + enrolment.role + "\nPCR0 " +
          measured->pcr0.hex() + "\nPCR1 " + measured->pcr1.hex() + "\nPCR2 " +
          measured->pcr2.hex() + "\nPCR8 " + (measured->pcr8 ? measured->pcr8->hex() : "any") +
          "\n");
}

void add_source(CLI::App& enroll, Options& options) {
  CLI::App* source = enroll.add_option_group("Measurements", "One of these is needed");
  source->add_option("--eif", options.eif, "Measure this enclave image file")->type_name("FILE");
  source
      ->add_option("--measurements", options.measurements,
                   "Take what `nitro-cli build-enclave` or `concordat measure` printed")
      ->type_name("FILE");
  source->require_option(1);
}

}  // namespace

void add_policy_enroll(CLI::App& policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  CLI::App* enroll = policy.add_subcommand("enroll", "Let an image play a role");
  add_policy_files(*enroll, options->files);
  enroll->add_option("NAME", options->enrolment.image, "Name of the image, such as worker-1.4")
      ->required();
  add_source(*enroll, *options);
  const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* type,
                            const char* help) {
    enroll->add_option(name, list, help)->type_name(type)->allow_extra_args(false);
  };
  enroll->add_option("--role", options->enrolment.role, "The role; made when there is none")
      ->type_name("ROLE")
      ->required();
  add_list("--account", options->enrolment.accounts, "ARN",
           "Pin PCR3: IAM role ARN of the parent instance, or 96 hex digits; may be repeated");
  add_list("--instance", options->enrolment.instances, "ID",
           "Pin PCR4: instance id of the parent, or 96 hex digits; may be repeated");
  add_list("--initiates", options->initiates, "PURPOSE",
           "The role may ask for this purpose; may be repeated");
  add_list("--responds", options->responds, "PURPOSE",
           "The role may answer this purpose; may be repeated");
  add_list("--grant", options->grants, "PATTERN:OPERATIONS",
           "Keys that the role may use: 'payments/*:get,sign'; may be repeated");
  enroll->add_flag("--json", options->json, "Print one JSON object");
  enroll->footer(
      "A new role without --initiates and --responds answers \"keys\" when it is called "
      "custodian,\n"
      "and asks for \"keys\" otherwise. A custodian must pin an account or an instance.\n"
      "Examples:\n"
      "  concordat policy enroll custodian-1 --eif custodian.eif --role custodian \\\n"
      "      --account arn:aws:iam::111122223333:role/parent\n"
      "  nitro-cli build-enclave --docker-uri worker --output-file w.eif > w.json\n"
      "  concordat policy enroll worker-1 --measurements w.json --role payments \\\n"
      "      --account arn:aws:iam::111122223333:role/parent --grant 'payments/*:get,sign'\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(*enroll, invocation,
            [options, &invocation] { return run_enroll(*options, invocation); });
}

}  // namespace concordat::cli
