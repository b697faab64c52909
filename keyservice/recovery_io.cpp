#include "keyservice/recovery_io.hpp"

namespace concordat::keyservice {

recovery::DeskWays recovery_ways(EnclaveRuntime& runtime, RootKeeper& root, base::Logger& log) {
  recovery::DeskWays ways;
  ways.mint = [&runtime](attest::MintRequest request, recovery::DeskWays::Minted done) {
    return runtime.nsm().mint(std::move(request), peer::MintPriority::own, std::move(done));
  };
  ways.take_root = [&root](Root restored) { return root.take_restored(std::move(restored)); };
  ways.tell = [&log](const recovery::DeskEvent& event) {
    const auto fields = {base::LogField{"operator", event.who}, base::LogField{"set", event.set},
                         base::LogField{"holder", event.holder}};
    if (event.outcome) return log.info(event.name, fields);
    log.error(event.name, event.outcome.error(), fields);
  };
  return ways;
}

}  // namespace concordat::keyservice
