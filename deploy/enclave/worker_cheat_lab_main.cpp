// A worker of the lab that cheats in sessions: the same objects, but what it opens in the last
// round is not what it committed to. It shows that a party that does so is named, with proof.
#include "deploy/enclave/worker_lab.hpp"

namespace {

using namespace concordat;
using session::PartyIndex;
using session::Round;

constexpr const char* kHelp =
    "concordat-worker-cheat-lab [-- APPLICATION [ARGUMENT...]]: a worker of the lab that cheats.\n"
    "\n"
    "As concordat-worker-lab, but in a session's last round it sends another broadcast than the\n"
    "protocol says. Its image is another one, which a policy must name to let it take part.\n"
    "\n"
    "Exit status without an application: 0 done, 2 refused (policy or evidence), 1 failed.\n";

class Cheating final : public session::Protocol {
 public:
  explicit Cheating(std::unique_ptr<session::Protocol> honest) : honest_(std::move(honest)) {}

  Round rounds() const noexcept override { return honest_->rounds(); }
  session::RoundShape shape(Round round) const noexcept override { return honest_->shape(round); }
  base::Result<session::Outgoing> send(Round round) override {
    CONCORDAT_TRY(session::Outgoing out, honest_->send(round));
    if (round == rounds() && !out.broadcast.empty()) out.broadcast.back() ^= 1;
    return out;
  }
  // Its own must pass, or it would not be signed.
  base::Status check_broadcast(Round, PartyIndex, base::BytesView) const override { return {}; }
  base::Status check_letter(Round round, PartyIndex from, PartyIndex to,
                            const base::SecretBytes& letter,
                            const std::map<PartyIndex, base::Bytes>& broadcasts) const override {
    return honest_->check_letter(round, from, to, letter, broadcasts);
  }
  base::Status receive(Round round, session::Incoming incoming) override {
    return honest_->receive(round, std::move(incoming));
  }
  base::Result<session::Output> output() override { return honest_->output(); }

 private:
  std::unique_ptr<session::Protocol> honest_;
};

}  // namespace

int main(int argc, char** argv) {
  return enclave::run_lab_worker(argc, argv, "concordat-worker-cheat-lab", kHelp,
                                 [](std::unique_ptr<session::Protocol> honest) {
                                   return std::make_unique<Cheating>(std::move(honest));
                                 });
}
