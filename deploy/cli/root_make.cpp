// concordat root make
#include <nlohmann/json.hpp>
#include <ostream>

#include "attest/base/cbor.hpp"
#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/root_command.hpp"
#include "keyservice/boot.hpp"
#include "keyservice/error.hpp"
#include "keyservice/store_page.hpp"

namespace concordat::cli {
namespace {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;
using nlohmann::ordered_json;

struct MakeOptions {
  KeysOptions at;
  std::string challenge, out;
  std::string store = "custodian";
  bool anew = false;
  bool is_confirmed = false;
};

// --- What an earlier attempt left ---

struct Leftover {
  std::string name;
  Bytes content;

  // The store's version of it.
  [[nodiscard]] std::string digest() const { return base::sha256({content}).hex(); }
};

class ParentStore {
 public:
  ParentStore(const Invocation& invocation, const Operator& self, std::string folder)
      : invocation_(invocation), self_(self), folder_(std::move(folder)) {}

  // nullopt: nothing is there.
  [[nodiscard]] Result<std::optional<Leftover>> find(const std::string& name) const {
    CONCORDAT_TRY(const ParentAnswer answer, call({"GET", path_of(name)}));
    if (answer.status == 404) return std::optional<Leftover>();
    CONCORDAT_CHECK(want(answer, 200));
    return std::optional(Leftover{name, base::to_bytes(base::as_bytes(answer.body))});
  }
  // That very content, and nothing that came in its place meanwhile.
  [[nodiscard]] Status remove(const Leftover& leftover) const {
    ParentRequest request{"DELETE", path_of(leftover.name)};
    request.version = leftover.digest();
    CONCORDAT_TRY(const ParentAnswer answer, call(request));
    return want(answer, 204);
  }

 private:
  [[nodiscard]] std::string path_of(const std::string& name) const {
    return "/v1/store/" + folder_ + "/" + name;
  }
  [[nodiscard]] Result<ParentAnswer> call(const ParentRequest& request) const {
    auto answer = invocation_.call_parent(self_.parent(), request);
    if (!answer) return Error(ParentErrc::unreachable, answer.error().to_string());
    return *std::move(answer);
  }
  static Status want(const ParentAnswer& answer, unsigned status) {
    if (answer.status == status) return {};
    return Error(ParentErrc::refused, "status " + std::to_string(answer.status) + " of the store");
  }

  const Invocation& invocation_;
  const Operator& self_;
  std::string folder_;
};

// A blob and its document together may have been shown to signers: what they pin opens with that
// blob alone. One without the other was cut short, and nobody can pin it.
Result<std::optional<Leftover>> find_cut_short(const ParentStore& store, std::uint32_t generation) {
  CONCORDAT_TRY(auto blob, store.find(keyservice::root_blob_name(generation)));
  CONCORDAT_TRY(auto document, store.find(keyservice::genesis_document_name(generation)));
  if (blob && document) {
    return Error(MakeRootErrc::is_complete, "generation " + std::to_string(generation) + ": pin '" +
                                                document->name + "' of the store");
  }
  return blob ? std::move(blob) : std::move(document);
}

std::string in_words(const Leftover& leftover, const MakeOptions& options) {
  return "'" + leftover.name + "' in folder " + options.store + " of the parent's store, " +
         std::to_string(leftover.content.size()) + " bytes, SHA-256 " + leftover.digest();
}

// Where the copy goes, which is a new file unless it is there already.
std::string copy_of(const Leftover& leftover, const MakeOptions& options) {
  return options.out + ".replaced-" + leftover.digest().substr(0, 16);
}

// `replaced`: what was there, in words; empty: nothing.
Status make_room(const MakeOptions& options, const Invocation& invocation, const Operator& self,
                 std::string& replaced) {
  // The one behind all that the policy pins, as the custodian counts: none that is pinned.
  const std::uint32_t generation = self.policy()->model().next_root_generation();
  const ParentStore store(invocation, self, options.store);
  CONCORDAT_TRY(const auto leftover, find_cut_short(store, generation));
  if (!leftover) return {};
  if (!options.is_confirmed) {
    return Error(MakeRootErrc::not_confirmed, in_words(*leftover, options) +
                                                  ": with --yes it is copied to " +
                                                  copy_of(*leftover, options) + " and removed");
  }
  CONCORDAT_CHECK(base::write_file(copy_of(*leftover, options), leftover->content));
  CONCORDAT_CHECK(store.remove(*leftover));
  replaced = in_words(*leftover, options);
  return {};
}

// --- The command ---

Result<Bytes> ask_to_make(OperatorChannel& channel, const keyservice::GenesisChallenge& challenge) {
  keyservice::MakeRootRequest request{base::to_bytes(challenge.view())};
  CONCORDAT_TRY(const keyservice::AdminReply reply, channel.ask({0, std::move(request)}));
  base::cbor::Reader reader(reply.items);
  CONCORDAT_TRY(const base::BytesView document, reader.read_bytes(reply.items.size()));
  return base::to_bytes(document);
}

bool is_in_the_way(const Error& why) {
  return operators_code(why) == Error(keyservice::Errc::root_already_pinned).name();
}

Status make_root(const MakeOptions& options, const Invocation& invocation, std::string& replaced) {
  CONCORDAT_TRY(const auto challenge, keyservice::GenesisChallenge::from_hex(options.challenge));
  CONCORDAT_TRY(const auto self, Operator::open(options.at.at, invocation));
  // The channel first: with it comes the custodian's policy, if that pins another generation.
  CONCORDAT_TRY(const auto channel, self->dial());
  auto document = ask_to_make(*channel, challenge);
  // Room is made once the custodian says that it lacks it, and not before: what lies there while
  // one is being made, perhaps for this operator's own earlier try, is no leftover (not_ready).
  if (options.anew && !document && is_in_the_way(document.error())) {
    CONCORDAT_CHECK(make_room(options, invocation, *self, replaced));
    if (!replaced.empty()) document = ask_to_make(*channel, challenge);
  }
  if (!document) return document.error();
  return base::write_file(options.out, *document);
}

ExitStatus run(const MakeOptions& options, const Invocation& invocation) {
  std::string replaced;
  const Status made = make_root(options, invocation, replaced);
  if (!replaced.empty()) {
    invocation.err << invocation.program << ": root make: removed " << replaced << "\n";
  }
  if (!made) {
    return answer_operators_failure(invocation, options.at.json, "root make", made.error());
  }
  ordered_json fields = {{"document", options.out}};
  if (options.anew) fields["replaced"] = replaced.empty() ? ordered_json() : ordered_json(replaced);
  return answer(invocation, options.at.json, fields,
                "wrote " + options.out + ": now `concordat policy pin-root`, and sign\n");
}

void add_choices(Command command, MakeOptions& options) {
  command
      .add_option("--challenge", options.challenge,
                  "32 bytes (hex) of the signers' own choice, against a document of another day")
      .type_name("HEX")
      .required();
  command.add_option("--out", options.out, "Where the genesis document goes")
      .type_name("FILE")
      .required();
  command.add_flag("--anew", options.anew,
                   "Replace what an attempt that was cut short left in the store; needs --yes");
  command.add_flag("--yes", options.is_confirmed,
                   "With --anew: copy what is there to FILE.replaced-..., and remove it");
  command.add_option("--store", options.store, "With --anew: the custodian's folder of the store")
      .type_name("FOLDER")
      .capture_default_str();
}

}  // namespace

base::CodeInfo describe(MakeRootErrc code) noexcept {
  switch (code) {
    case MakeRootErrc::is_complete:
      return {"genesis_complete",
              "blob and document of this generation are there and can be pinned: not replaced"};
    case MakeRootErrc::not_confirmed:
      return {"not_confirmed", "--anew would replace something, and --yes was not given"};
  }
  return {"unknown", "unknown error of making roots"};
}

void add_root_make(Command root, Invocation& invocation) {
  auto options = std::make_shared<MakeOptions>();
  const Command command = root.add_subcommand(
      "make", "Have a custodian make a root of the next generation and attest to it");
  add_keys_options(command, invocation, options->at);
  add_choices(command, *options);
  add_keys_footer(
      command,
      "KMS seals it under the policy's key (`policy set --kms-key`), whose key policy must allow\n"
      "the generation (`policy kms-key-policy`). Nobody holds the root before it is pinned.\n"
      "root_already_pinned: the store holds a genesis of that generation. If blob and document\n"
      "are there, pin it; one alone was cut short: --anew says what it is, and with --yes makes\n"
      "room.\n"
      "Not while somebody else makes one.\n",
      "  concordat root make --challenge $(cat challenge.hex) --out genesis-2.cbor\n"
      "  concordat root make --challenge $(cat challenge.hex) --out genesis-2.cbor --anew --yes\n");
  on_chosen(command, invocation, [options, &invocation] { return run(*options, invocation); });
}

}  // namespace concordat::cli
