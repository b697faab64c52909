// `concordat`: the operator's program. Whatever opens a channel from here trusts AWS's roots alone.
#include <iostream>

#include "deploy/cli/commands.hpp"
#include "deploy/cli/operator_link_io.hpp"
#include "deploy/cli/session_link_io.hpp"
#include "deploy/parent/operator_client_io.hpp"

using concordat::attest::TrustAnchors;
using concordat::cli::ChannelOrder;
using concordat::cli::open_operator_channel;
using concordat::cli::run_session_order;
using concordat::cli::SessionOrder;

int main(int argc, char** argv) {
  concordat::cli::Invocation invocation{
      .program = "concordat",
      .out = std::cout,
      .err = std::cerr,
      .call_parent = concordat::parent::call_parent,
      .open_channel =
          [](const ChannelOrder& order) {
            return open_operator_channel(TrustAnchors::aws(), order);
          },
      .run_session =
          [](const ChannelOrder& channel, const SessionOrder& order) {
            return run_session_order(TrustAnchors::aws(), channel, order);
          }};
  return concordat::cli::run(argc, argv, invocation);
}
