#include "session/protocols/frost/kinds.hpp"

#include "attest/base/hash.hpp"
#include "session/protocols/frost/errc.hpp"
#include "session/protocols/frost/keygen.hpp"
#include "session/protocols/frost/parameters.hpp"
#include "session/protocols/frost/resharing.hpp"
#include "session/protocols/frost/signing.hpp"

namespace concordat::session::frost {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
using base::Status;

class KeygenIntake final : public Intake {
 public:
  explicit KeygenIntake(std::size_t parties) : parties_(parties) {}
  Status feed(BytesView) override { return Error(Errc::unexpected_input, "any"); }
  Status restore(SecretBytes) override { return Error(Errc::unexpected_input, "an older share"); }
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    return Keygen::begin(seat, parties_);
  }

 private:
  std::size_t parties_;
};

class SignIntake final : public Intake {
 public:
  explicit SignIntake(SignParameters parameters) : parameters_(std::move(parameters)) {}

  Status feed(BytesView piece) override {
    if (!std::holds_alternative<base::Sha256Digest>(parameters_.message)) {
      return Error(Errc::unexpected_input, "a message; the descriptor has one");
    }
    if (piece.size() > kMaxMessage - input_.size()) {
      return Error(Errc::not_the_message, "more than " + std::to_string(kMaxMessage) + " bytes");
    }
    base::append(input_, piece);
    return {};
  }
  Status restore(SecretBytes kept) override {
    CONCORDAT_TRY(KeyShare share, KeyShare::decode(kept));
    if (share.group() != parameters_.group) {
      return Error(Errc::wrong_share, "of another group than the descriptor's");
    }
    share_ = std::make_shared<KeyShare>(std::move(share));
    return {};
  }
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    if (!share_) return Error(Errc::no_share);
    if (const auto* hash = std::get_if<base::Sha256Digest>(&parameters_.message)) {
      if (base::sha256({input_}) != *hash) {
        return Error(Errc::not_the_message, std::to_string(input_.size()) + " bytes");
      }
      return Signing::begin(seat, parameters_.signers, share_, std::move(input_));
    }
    return Signing::begin(seat, parameters_.signers, share_,
                          std::get<base::Bytes>(std::move(parameters_.message)));
  }

 private:
  SignParameters parameters_;
  base::Bytes input_;
  std::shared_ptr<const KeyShare> share_;
};

class ReshareIntake final : public Intake {
 public:
  explicit ReshareIntake(ReshareParameters parameters) : parameters_(std::move(parameters)) {}
  Status feed(BytesView) override { return Error(Errc::unexpected_input, "any"); }
  Status restore(SecretBytes kept) override {
    CONCORDAT_TRY(share_, KeyShare::decode(kept));
    return {};
  }
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    return Resharing::begin(seat, parameters_.group, parameters_.dealers, parameters_.holders,
                            share_);
  }

 private:
  ReshareParameters parameters_;
  std::optional<KeyShare> share_;
};

Result<std::unique_ptr<Intake>> take_keygen(BytesView parameters, std::size_t parties,
                                            std::size_t threshold) {
  CONCORDAT_CHECK(parse_keygen(parameters));
  CONCORDAT_CHECK(check_threshold(threshold, parties));
  return std::unique_ptr<Intake>(std::make_unique<KeygenIntake>(parties));
}

Result<std::unique_ptr<Intake>> take_sign(BytesView parameters, std::size_t parties,
                                          std::size_t threshold) {
  CONCORDAT_TRY(SignParameters parsed, parse_sign(parameters, parties));
  CONCORDAT_CHECK(check_distinct(parsed.signers, parsed.group.holders(), "signers"));
  if (threshold != parsed.group.threshold()) {
    return Error(Errc::bad_threshold, "the descriptor's is " + std::to_string(threshold) +
                                          ", the group's " +
                                          std::to_string(parsed.group.threshold()));
  }
  return std::unique_ptr<Intake>(std::make_unique<SignIntake>(std::move(parsed)));
}

Result<std::unique_ptr<Intake>> take_reshare(BytesView parameters, std::size_t parties,
                                             std::size_t threshold) {
  CONCORDAT_TRY(ReshareParameters parsed, parse_reshare(parameters, parties));
  CONCORDAT_CHECK(check_resharing(parsed.group, parsed.dealers, parsed.holders, threshold));
  return std::unique_ptr<Intake>(std::make_unique<ReshareIntake>(std::move(parsed)));
}

constexpr std::array<ProtocolKind, 3> kKinds{{{"frost-keygen/1", take_keygen},
                                              {"frost-sign/1", take_sign},
                                              {"frost-reshare/1", take_reshare}}};

}  // namespace

std::span<const ProtocolKind> kinds() {
  return kKinds;
}

}  // namespace concordat::session::frost
