// concordat keys rewrap
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "deploy/cli/answer.hpp"
#include "deploy/cli/keys_command.hpp"
#include "keyservice/admin_keys.hpp"

namespace concordat::cli {
namespace {

using base::Status;

struct Options {
  KeysOptions keys;
  std::string file, out, associated;
};

ExitStatus run(const Options& options, const Invocation& invocation) {
  return with_custodian(
      options.keys, invocation, "keys rewrap", [&](OperatorChannel& channel) -> Status {
        keyservice::RewrapRequest request;
        CONCORDAT_TRY(request.envelope, base::read_file(options.file, keyservice::kMaxEnvelope));
        if (!options.associated.empty()) {
          CONCORDAT_TRY(request.associated,
                        base::read_file(options.associated, keyservice::kMaxAssociatedData));
        }
        CONCORDAT_TRY(const keyservice::AdminReply reply, channel.ask({0, std::move(request)}));
        CONCORDAT_TRY(const keyservice::Rewrapped made, keyservice::decode_rewrapped(reply));
        CONCORDAT_CHECK(base::write_file(options.out, made.envelope));
        answer(invocation, options.keys.json,
               {{"name", made.name}, {"version", made.version}, {"out", options.out}},
               "wrote " + options.out + ", under " + made.name + " version " +
                   std::to_string(made.version) + "\n");
        return {};
      });
}

}  // namespace

void add_keys_rewrap(Command keys, Invocation& invocation) {
  auto options = std::make_shared<Options>();
  const Command rewrap = keys.add_subcommand(
      "rewrap", "Make a ciphertext or wrapped key anew under its key's newest version");
  rewrap.add_option("FILE", options->file, "The envelope's bytes; - is standard input").required();
  rewrap.add_option("--out", options->out, "Where the new one goes; may be FILE itself")
      .type_name("FILE")
      .required();
  rewrap
      .add_option("--associated-data", options->associated,
                  "File with the data that the ciphertext is bound to")
      .type_name("FILE");
  add_keys_options(rewrap, invocation, options->keys);
  add_keys_footer(rewrap,
                  "What is inside does not leave the custodian. The envelope says which key and "
                  "version made it.\n",
                  "  concordat keys rewrap card.envelope --out card.envelope\n"
                  "  base64 -d card.b64 | concordat keys rewrap - --out card.envelope \\\n"
                  "      --associated-data customer-id\n");
  on_chosen(rewrap, invocation, [options, &invocation] { return run(*options, invocation); });
}

}  // namespace concordat::cli
