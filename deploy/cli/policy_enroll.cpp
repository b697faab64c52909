// concordat policy enroll
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/eif.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/policy_edit.hpp"
#include "deploy/cli/policy_report.hpp"
#include "policy/enroll.hpp"
#include "policy/limits.hpp"

namespace concordat::cli {
namespace {

using base::Result;

struct Options {
  PolicyFiles files;
  policy::Enrolment enrolment;
  std::string eif;
  std::string measurements;
  std::string document;
  std::string lab_root;
  bool pin_account = false;
  bool pin_instance = false;
  std::vector<std::string> initiates;
  std::vector<std::string> responds;
  bool json = false;
};

Result<policy::Measurements> measure_eif(const std::string& path) {
  CONCORDAT_TRY(attest::EifFile file, attest::EifFile::open(path));
  CONCORDAT_TRY(const attest::EifImage image, attest::read_eif(file));
  const attest::EifMeasurements& m = image.measurements;
  return policy::Measurements{m.pcr0, m.pcr1, m.pcr2, m.pcr8};
}

// Fills the measurements, and the pins that a document is asked for.
base::Status measure(const Options& options, policy::Enrolment& out) {
  if (!options.document.empty()) {
    CONCORDAT_TRY(const auto claims, read_claims(options.document, options.lab_root));
    CONCORDAT_TRY(out.measurements, policy::measurements_of(claims));
    if (options.pin_account) {
      CONCORDAT_TRY(std::string account, policy::account_of(claims));
      out.accounts.push_back(std::move(account));
    }
    if (options.pin_instance) {
      CONCORDAT_TRY(std::string instance, policy::instance_of(claims));
      out.instances.push_back(std::move(instance));
    }
  } else if (!options.eif.empty()) {
    CONCORDAT_TRY(out.measurements, measure_eif(options.eif));
  } else {
    CONCORDAT_TRY(const base::Bytes text,
                  base::read_file_start(options.measurements, policy::limits::kPolicyBytes + 1));
    CONCORDAT_TRY(out.measurements, policy::read_measurements(base::as_text(text)));
  }
  return {};
}

// "payments/*:get,sign"; neither patterns nor operations contain a colon or a comma. Empty, or what
// is wrong with it.
std::string take_grant(policy::Enrolment& enrolment, const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos) {
    return "want PATTERN:OPERATIONS such as 'payments/*:get,sign'";
  }
  enrolment.grants.push_back({text.substr(0, colon), split_at_commas(text.substr(colon + 1))});
  return {};
}

struct Enrolled {
  Edited edited;
  policy::Measurements measurements;
};

Result<Enrolled> enroll(const Options& options) {
  policy::Enrolment enrolment = options.enrolment;
  for (const std::string& purpose : options.initiates)
    enrolment.purposes.push_back({purpose, policy::Side::initiator});
  for (const std::string& purpose : options.responds)
    enrolment.purposes.push_back({purpose, policy::Side::responder});
  CONCORDAT_CHECK(measure(options, enrolment));
  CONCORDAT_TRY(Edited edited, edit_policy(options.files, [&](const OpenPolicy& open) {
                  return policy::enroll(open.text, enrolment);
                }));
  return Enrolled{std::move(edited), enrolment.measurements};
}

ExitStatus run_enroll(const Options& options, const Invocation& invocation) {
  const auto enrolled = enroll(options);
  if (!enrolled) return answer_failure(invocation, options.json, "enroll", enrolled.error());
  const policy::Measurements& measured = enrolled->measurements;
  const auto changes = policy::diff(enrolled->edited.before.model, enrolled->edited.after.model);
  return answer_edit(
      invocation, options.json, options.files, enrolled->edited,
      {{"image", options.enrolment.image},
       {"role", options.enrolment.role},
       {"PCR0", measured.pcr0.hex()},
       {"PCR1", measured.pcr1.hex()},
       {"PCR2", measured.pcr2.hex()},
       {"PCR8", measured.pcr8 ? nlohmann::ordered_json(measured.pcr8->hex()) : nullptr},
       {"changes", to_json(changes)}},
      "image " + options.enrolment.image + "\n  PCR0 " + measured.pcr0.hex() + "\n  PCR1 " +
          measured.pcr1.hex() + "\n  PCR2 " + measured.pcr2.hex() + "\n  PCR8 " +
          (measured.pcr8 ? measured.pcr8->hex() : "any") + "\n" + to_text(changes));
}

void add_source(Command enroll, Invocation& invocation, Options& options) {
  const Command source = enroll.add_option_group("Measurements", "One of these is needed");
  source.add_option("--eif", options.eif, "Measure this enclave image file").type_name("FILE");
  source
      .add_option("--measurements", options.measurements,
                  "Take what `nitro-cli build-enclave`, `describe-eif` or `concordat measure` "
                  "printed")
      .type_name("FILE");
  const Option document =
      source
          .add_option("--document", options.document,
                      "Take the registers of a running enclave's attestation document (raw CBOR, "
                      "base64 or hex), verified as of its own time")
          .type_name("FILE");
  source.require_option(1);
  enroll.add_flag("--pin-account", options.pin_account, "Pin PCR3 as the document has it")
      .needs(document);
  enroll.add_flag("--pin-instance", options.pin_instance, "Pin PCR4 as the document has it")
      .needs(document);
  add_lab_root(enroll, invocation, options.lab_root);
}

}  // namespace

void add_policy_enroll(Command policy, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command enroll = policy.add_subcommand("enroll", "Let an image play a role");
  add_policy_files(enroll, options->files);
  enroll.add_option("NAME", options->enrolment.image, "Name of the image, such as worker-1.4")
      .required();
  add_source(enroll, invocation, *options);
  const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* type,
                            const char* help) {
    enroll.add_option(name, list, help).type_name(type).one_value_each();
  };
  enroll.add_option("--role", options->enrolment.role, "The role; made when there is none")
      .type_name("ROLE")
      .required();
  add_list("--account", options->enrolment.accounts, "ARN",
           "Pin PCR3: IAM role ARN of the parent instance, or 96 hex digits; may be repeated");
  add_list("--instance", options->enrolment.instances, "ID",
           "Pin PCR4: instance id of the parent, or 96 hex digits; may be repeated");
  enroll
      .add_option("--maximum-live", options->enrolment.maximum_live,
                  "So many enclaves of the role may have live channels at one custodian")
      .type_name("N");
  add_list("--initiates", options->initiates, "PURPOSE",
           "The role may ask for this purpose; may be repeated");
  add_list("--responds", options->responds, "PURPOSE",
           "The role may answer this purpose; may be repeated");
  enroll
      .add_list_function(
          "--grant",
          [options](const std::string& text) { return take_grant(options->enrolment, text); },
          "Keys that the role may use: 'payments/*:get,sign'; may be repeated")
      .type_name("PATTERN:OPERATIONS")
      .one_value_each();
  enroll.add_flag("--json", options->json, "Print one JSON object");
  enroll.footer(
      "A new role without --initiates and --responds answers \"keys\" when it is called "
      "custodian,\n"
      "and asks for \"keys\" otherwise. A custodian must pin an account or an instance.\n"
      "Examples:\n"
      "  concordat policy enroll custodian-1 --eif custodian.eif --role custodian \\\n"
      "      --account arn:aws:iam::111122223333:role/parent\n"
      "  nitro-cli build-enclave --docker-uri worker --output-file w.eif > w.json\n"
      "  concordat policy enroll worker-1 --measurements w.json --role payments \\\n"
      "      --account arn:aws:iam::111122223333:role/parent --grant 'payments/*:get,sign'\n"
      "  concordat policy enroll worker-2 --document worker.cbor --pin-account --role payments\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(enroll, invocation,
            [options, &invocation] { return run_enroll(*options, invocation); });
}

}  // namespace concordat::cli
