// One signature of two of three holders with preprocessed nonces: both parties' machines, from the
// nonces in their stores to the signature that each gives out.
#include <sodium.h>

#include <array>
#include <stdexcept>

#include "bench/timing.hpp"
#include "session/protocols/frost/dealing.hpp"
#include "session/protocols/frost/preprocessing.hpp"
#include "session/protocols/frost/signing.hpp"

namespace concordat::bench {
namespace {

namespace frost = session::frost;
using session::PartyIndex;

const std::vector<PartyIndex> kFrostSigners{1, 3};
constexpr std::size_t kHolderCount = 3;
const base::Bytes kSignedBytes(64, 7);

void must_hold(bool is_done) {
  if (!is_done) throw std::runtime_error("frost bench: refused");
}

class FrostSigners {
 public:
  FrostSigners() {
    const auto polynomial =
        frost::Polynomial::random(frost::Scalar::random(), kFrostSigners.size()).value();
    const auto group =
        frost::GroupInfo::of(frost::Commitments::of(polynomial), kHolderCount).value();
    for (const PartyIndex self : kFrostSigners) {
      frost::Scalar secret = std::move(polynomial.share(self).value().value);
      shares_[self] = std::make_shared<frost::KeyShare>(
          frost::KeyShare::create(group, self, std::move(secret)).value());
    }
  }

  void preprocess(std::size_t count) {
    run([&](const session::Seat& seat) {
      return frost::Preprocessing::begin(seat, frost::by_place(kFrostSigners), *shares_[seat.self],
                                         count, stores_[seat.self]);
    });
  }
  // Makes one signature, of those that were preprocessed.
  void sign(std::size_t position) {
    run([&](const session::Seat& seat) {
      return frost::Signing::begin(seat, frost::by_place(kFrostSigners), shares_[seat.self],
                                   kSignedBytes, stores_[seat.self].take(batch_, position).value());
    });
  }

 private:
  // One round among the signers. Each checks what the other sent.
  void run(const auto& begin) {
    std::map<PartyIndex, std::unique_ptr<session::Protocol>> machines;
    std::map<PartyIndex, base::Bytes> broadcasts;
    for (const PartyIndex self : kFrostSigners) {
      machines[self] = begin(session::Seat{self, kFrostSigners, kFrostSigners.size(), {}}).value();
      broadcasts[self] = machines[self]->send(1).value().broadcast;
    }
    for (auto& [self, machine] : machines) {
      for (const auto& [from, broadcast] : broadcasts)
        must_hold(from == self || machine->check_broadcast(1, from, broadcast));
      must_hold(machine->receive(1, session::Incoming{broadcasts, {}}).has_value());
      const auto result = machine->output().value().result;
      if (result.size() == frost::BatchId::kSize) batch_ = frost::BatchId::from(result).value();
    }
  }

  std::map<PartyIndex, std::shared_ptr<const frost::KeyShare>> shares_;
  std::map<PartyIndex, frost::NonceStore> stores_;
  frost::BatchId batch_;
};

// What a signature cannot do without, of each of the two signers, straight from libsodium:
//
//   2 multiplications   binding factor times binding commitment, for each signer
//   3 additions         hiding commitments, and the sum of both: the signature's R
//   1 multiplication by the base point, 1 multiplication, 1 addition
//                       whether the other's share is right
//   1 verification      of the signature, before it is given out
class RawFrostOperations {
 public:
  RawFrostOperations() {
    crypto_sign_keypair(public_key_.data(), secret_key_.data());
    crypto_sign_detached(signature_.data(), nullptr, kSignedBytes.data(), kSignedBytes.size(),
                         secret_key_.data());
    for (auto& scalar : scalars_)
      crypto_core_ed25519_scalar_random(scalar.data());
    for (auto& point : points_)
      crypto_core_ed25519_random(point.data());
  }
  void run() {
    for (std::size_t signer = 0; signer < kFrostSigners.size(); ++signer) {
      multiply(0, 0);
      multiply(1, 1);
      add(0);
      add(1);
      add(0);
      must_hold(crypto_scalarmult_ed25519_base_noclamp(out_.data(), scalars_[2].data()) == 0);
      multiply(2, 2);
      add(1);
      must_hold(crypto_sign_verify_detached(signature_.data(), kSignedBytes.data(),
                                            kSignedBytes.size(), public_key_.data()) == 0);
    }
  }

 private:
  void multiply(std::size_t scalar, std::size_t point) {
    must_hold(crypto_scalarmult_ed25519_noclamp(out_.data(), scalars_[scalar].data(),
                                                points_[point].data()) == 0);
  }
  void add(std::size_t point) {
    must_hold(crypto_core_ed25519_add(out_.data(), points_[point].data(), points_[2].data()) == 0);
  }

  std::array<std::uint8_t, 32> public_key_{}, out_{};
  std::array<std::uint8_t, 64> secret_key_{}, signature_{};
  std::array<std::array<std::uint8_t, 32>, 3> scalars_{}, points_{};
};

double frost_sign_ratio(int rounds, double slice) {
  // Enough for a slice, and what one preprocessing may make at most.
  const auto count =
      std::clamp<std::size_t>(static_cast<std::size_t>(slice * 500), 8, frost::kMaxBatch);
  FrostSigners signers;
  RawFrostOperations raw;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    signers.preprocess(count);
    const double start = thread_seconds();
    for (std::size_t position = 0; position < count; ++position)
      signers.sign(position);
    const double signed_at = thread_seconds();
    for (std::size_t i = 0; i < count; ++i)
      raw.run();
    ratios.push_back((signed_at - start) / (thread_seconds() - signed_at));
  }
  return median(std::move(ratios));
}

}  // namespace

std::vector<Ratio> session_frost_ratios() {
  return {{"frost_sign",
           "CPU of one 2-of-3 signature with preprocessed nonces, both signers, over its group "
           "operations done bare",
           false, 1.3, frost_sign_ratio}};
}

}  // namespace concordat::bench
