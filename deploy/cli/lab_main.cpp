// `concordat-lab`: the same commands for the lab, the only place where a lab root may be trusted by
// a command that opens a channel.
#include <iostream>

#include "deploy/cli/commands.hpp"
#include "deploy/cli/operator_link_io.hpp"
#include "deploy/cli/policy_files.hpp"
#include "deploy/cli/session_link_io.hpp"
#include "deploy/parent/operator_client_io.hpp"

namespace {

using namespace concordat::cli;

concordat::base::Result<std::unique_ptr<OperatorChannel>> open_channel(const ChannelOrder& order) {
  CONCORDAT_TRY(const auto anchors, trust_anchors(order.lab_root));
  return open_operator_channel(anchors, order);
}

concordat::base::Result<SessionOutcome> run_session(const ChannelOrder& channel,
                                                    const SessionOrder& order) {
  CONCORDAT_TRY(const auto anchors, trust_anchors(channel.lab_root));
  return run_session_order(anchors, channel, order);
}

}  // namespace

int main(int argc, char** argv) {
  concordat::cli::Invocation invocation{.program = "concordat-lab",
                                        .out = std::cout,
                                        .err = std::cerr,
                                        .call_parent = concordat::parent::call_parent,
                                        .open_channel = open_channel,
                                        .run_session = run_session,
                                        .is_lab = true};
  return concordat::cli::run(argc, argv, invocation);
}
