// concordat authority ..., and of it show | change
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/authority_files.hpp"
#include "deploy/cli/key_file.hpp"
#include "policy/authority_succession.hpp"
#include "policy/errc.hpp"

namespace concordat::cli {
namespace {

using attest::AuthorityDescriptor;
using base::Error;
using base::Result;

constexpr const char* kNextEpoch = "next";

struct ShowOptions {
  std::string file = kAuthorityFile;
  bool json = false;
};

struct ChangeOptions {
  std::string authority = kAuthorityFile;
  std::vector<std::string> join;   // public key files
  std::vector<std::string> leave;  // key ids
  std::optional<unsigned> threshold;
  std::string epoch = kNextEpoch;
  std::string out = kSuccessorFile;
  bool json = false;
};

struct Change {
  AuthorityDescriptor authority;
  AuthorityDescriptor successor;
};

std::optional<std::uint64_t> epoch_number(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end ? std::optional(number) : std::nullopt;
}

base::Status remove_signer(std::vector<policy::SignerKey>& signers, const std::string& id) {
  const auto removed = std::erase_if(
      signers, [&](const policy::SignerKey& key) { return policy::key_id(key) == id; });
  if (removed == 1) return {};
  return Error(policy::SignatureErrc::not_a_signer,
               "--remove " + id + "; `concordat authority show` lists the key ids");
}

Result<Change> change(const ChangeOptions& options) {
  CONCORDAT_CHECK(must_be_new(options.out, "give another --out, or remove it"));
  CONCORDAT_TRY(AuthorityDescriptor authority, read_authority_file(options.authority));
  attest::AuthorityFields fields{authority.realm(), authority.signers(),
                                 options.threshold.value_or(authority.threshold()),
                                 epoch_number(options.epoch).value_or(authority.epoch() + 1)};
  for (const std::string& id : options.leave)
    CONCORDAT_CHECK(remove_signer(fields.signers, id));
  CONCORDAT_TRY(const auto joining, read_public_key_files(options.join));
  fields.signers.insert(fields.signers.end(), joining.begin(), joining.end());
  CONCORDAT_TRY(AuthorityDescriptor successor, AuthorityDescriptor::create(std::move(fields)));
  CONCORDAT_CHECK(policy::check_successor(authority, successor));
  CONCORDAT_CHECK(base::write_file(options.out, successor.encoded()));
  return Change{std::move(authority), std::move(successor)};
}

ExitStatus run_show(const ShowOptions& options, const Invocation& invocation) {
  const auto authority = read_authority_file(options.file);
  if (!authority) {
    return answer_failure(invocation, options.json, "authority show", authority.error());
  }
  return answer(invocation, options.json, to_json(*authority), to_text(*authority));
}

ExitStatus run_change(const ChangeOptions& options, const Invocation& invocation) {
  const auto made = change(options);
  if (!made) return answer_failure(invocation, options.json, "authority change", made.error());
  nlohmann::ordered_json fields = {{"file", options.out}};
  fields.update(change_json(made->authority, made->successor));
  return answer(invocation, options.json, fields,
                "wrote " + options.out + "\n" + change_text(made->authority, made->successor) +
                    "First the signers of the old authority sign it: concordat authority sign\n");
}

}  // namespace

void add_authority_show(Command authority, Invocation& invocation) {
  auto options = std::make_shared<ShowOptions>();
  const Command show = authority.add_subcommand(
      "show", "Print an authority descriptor: who signs, how many, which PCR16");
  show.add_option("FILE", options->file, "Authority descriptor").capture_default_str();
  show.add_flag("--json", options->json, "Print one JSON object");
  show.footer(
      "Examples:\n"
      "  concordat authority show\n"
      "  concordat authority show authority.next.cbor --json\n"
      "Exit status: 0 shown, 2 not a descriptor, 1 usage or input/output error.");
  on_chosen(show, invocation, [options, &invocation] { return run_show(*options, invocation); });
}

void add_authority_change(Command authority, Invocation& invocation) {
  auto options = std::make_shared<ChangeOptions>();
  const Command change = authority.add_subcommand(
      "change", "Write the descriptor of a changed authority: signers, threshold, epoch");
  add_authority_file(change, options->authority);
  change
      .add_option("--signer", options->join,
                  "Public key file of a signer who joins; may be repeated")
      .type_name("FILE")
      .one_value_each();
  change
      .add_option("--remove", options->leave,
                  "Key id of a signer who leaves (see show); may be repeated")
      .type_name("KEYID")
      .one_value_each();
  change.add_option("--threshold", options->threshold, "So many distinct signers must sign")
      .type_name("K");
  change.add_option("--epoch", options->epoch, "Higher than the old one; 'next' is one more")
      .type_name("N")
      .check([](const std::string& text) {
        return text == kNextEpoch || epoch_number(text) ? std::string()
                                                        : "want a number, or 'next'";
      })
      .capture_default_str();
  change.add_option("--out", options->out, "Where the new descriptor goes")
      .type_name("FILE")
      .capture_default_str();
  change.add_flag("--json", options->json, "Print one JSON object");
  change.footer(
      "Examples:\n"
      "  concordat authority change --signer dave.key.pub --remove 9fd2...c1\n"
      "  concordat authority change --threshold 3\n"
      "  concordat authority change                # the same signers, the older epoch left "
      "behind\n"
      "Exit status: 0 written, 2 refused, 1 usage or input/output error.");
  on_chosen(change, invocation,
            [options, &invocation] { return run_change(*options, invocation); });
}

void add_authority_commands(Command app, Invocation& invocation) {
  const Command authority =
      app.add_subcommand("authority", "See who signs policies, and hand over to changed signers");
  authority.require_known_subcommand();
  authority.footer(
      "From an authority to its successor:\n"
      "  concordat authority change --signer dave.key.pub --remove KEYID\n"
      "  concordat authority sign --key alice.key; concordat authority sign --key bob.key\n"
      "  concordat authority verify             # says what must be done again\n"
      "  concordat authority adopt              # authority.cbor and policy.json move on\n"
      "`concordat policy init` makes the first authority of a realm.");
  add_authority_show(authority, invocation);
  add_authority_change(authority, invocation);
  add_authority_sign(authority, invocation);
  add_authority_verify(authority, invocation);
  add_authority_adopt(authority, invocation);
}

}  // namespace concordat::cli
