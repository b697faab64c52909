// concordat keys list | describe
#include <nlohmann/json.hpp>
#include <ostream>

#include "deploy/cli/answer.hpp"
#include "deploy/cli/keys_command.hpp"
#include "deploy/cli/keys_report.hpp"
#include "keyservice/error.hpp"

namespace concordat::cli {
namespace {

using base::Error;
using base::Status;
using keyservice::AdminReply;

struct ListOptions {
  KeysOptions keys;
  std::string pattern = "*";
};

// Each part is printed as it comes, so that no list is too long.
ExitStatus run_list(const ListOptions& options, const Invocation& invocation) {
  const bool json = options.keys.json;
  const auto list = [&](OperatorChannel& channel) -> Status {
    std::uint64_t printed = 0;
    const auto print = [&](const AdminReply& part) -> Status {
      CONCORDAT_TRY(const auto keys, keyservice::decode_keys(part));
      for (const keyservice::ShownKey& key : keys)
        json ? print_json(invocation, to_json(key)) : void(invocation.out << to_text(key));
      printed += keys.size();
      invocation.out.flush();
      return {};
    };
    CONCORDAT_TRY(const AdminReply last,
                  channel.ask({0, keyservice::ListKeysRequest{options.pattern}}, print));
    CONCORDAT_TRY(const std::uint64_t count, keyservice::decode_key_count(last));
    if (count != printed) {
      return Error(keyservice::Errc::malformed_response,
                   std::to_string(printed) + " keys of " + std::to_string(count));
    }
    answer(invocation, json, {{"keys", count}}, std::to_string(count) + " keys\n");
    return {};
  };
  return with_custodian(options.keys, invocation, "keys list", list);
}

struct DescribeOptions {
  KeysOptions keys;
  std::string name;
};

ExitStatus run_describe(const DescribeOptions& options, const Invocation& invocation) {
  return with_custodian(
      options.keys, invocation, "keys describe", [&](OperatorChannel& channel) -> Status {
        std::vector<keyservice::ShownVersion> versions;
        const auto collect = [&](const AdminReply& part) -> Status {
          CONCORDAT_TRY(auto some, keyservice::decode_versions(part));
          std::ranges::move(some, std::back_inserter(versions));
          return {};
        };
        CONCORDAT_TRY(const AdminReply last,
                      channel.ask({0, keyservice::DescribeKeyRequest{options.name}}, collect));
        CONCORDAT_TRY(const keyservice::ShownKey key, keyservice::decode_key(last));
        answer(invocation, options.keys.json, to_json(key, versions), to_text(key, versions));
        return {};
      });
}

}  // namespace

void add_keys_list(Command keys, Invocation& invocation) {
  auto options = std::make_shared<ListOptions>();
  const Command list = keys.add_subcommand("list", "List keys that have a record, by name");
  list.add_option("PATTERN", options->pattern,
                  "A name, payments/* for everything below at any depth, or * for all")
      .capture_default_str();
  add_keys_options(list, invocation, options->keys);
  add_keys_footer(list,
                  "A key is printed as it comes, a line each; --json prints one JSON object a "
                  "line, and\n{\"ok\":true,\"keys\":N} last: without it the list is not whole. "
                  "Destroyed keys are listed: their\nnames stay taken. Names that nobody made a "
                  "key of are not: each stands for a derived key.\n",
                  "  concordat keys list\n"
                  "  concordat keys list 'payments/*' --json\n");
  on_chosen(list, invocation, [options, &invocation] { return run_list(*options, invocation); });
}

void add_keys_describe(Command keys, Invocation& invocation) {
  auto options = std::make_shared<DescribeOptions>();
  const Command describe =
      keys.add_subcommand("describe", "Show a key, its versions and their public keys");
  add_key_name(describe, options->name);
  add_keys_options(describe, invocation, options->keys);
  add_keys_footer(describe,
                  "Public keys are shown in PEM, of disabled versions too; of a derived key it is "
                  "the one that\nverifies its signatures.\n",
                  "  concordat keys describe payments/signing\n"
                  "  concordat keys describe payments/signing --json | \\\n"
                  "      jq -r '.versions[-1].public_key.pem' > signing.pem\n");
  on_chosen(describe, invocation,
            [options, &invocation] { return run_describe(*options, invocation); });
}

}  // namespace concordat::cli
