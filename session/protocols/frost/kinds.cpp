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

// Of what is done with a share of the descriptor's group.
class ShareIntake : public Intake {
 public:
  explicit ShareIntake(const GroupInfo& group) : group_(group) {}
  Status feed(BytesView) override { return Error(Errc::unexpected_input, "any"); }
  Status restore(SecretBytes kept) final {
    CONCORDAT_TRY(KeyShare share, KeyShare::decode(kept));
    CONCORDAT_CHECK(share.check_group(group_));
    share_ = std::make_shared<KeyShare>(std::move(share));
    return {};
  }
  void remember(ProcessMemory& memory) final { store_ = &memory.get<NonceStore>(); }

 protected:
  [[nodiscard]] const std::shared_ptr<const KeyShare>& share() const noexcept { return share_; }
  [[nodiscard]] Result<NonceStore*> store() const {
    if (store_ != nullptr) return store_;
    return Error(Errc::no_nonces, "this process keeps none from run to run");
  }

 private:
  GroupInfo group_;
  std::shared_ptr<const KeyShare> share_;
  NonceStore* store_ = nullptr;
};

class SignIntake final : public ShareIntake {
 public:
  explicit SignIntake(SignParameters parameters)
      : ShareIntake(parameters.group), parameters_(std::move(parameters)) {}

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
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    if (!share()) return Error(Errc::no_share);
    if (const auto* hash = std::get_if<base::Sha256Digest>(&parameters_.message)) {
      if (base::sha256({input_}) != *hash) {
        return Error(Errc::not_the_message, std::to_string(input_.size()) + " bytes");
      }
      return sign(seat, std::move(input_));
    }
    return sign(seat, std::get<base::Bytes>(std::move(parameters_.message)));
  }

 private:
  // Prepared nonces are out of the store before anything is made with them: whatever becomes of the
  // run, nobody takes them again.
  Result<std::unique_ptr<Protocol>> sign(const Seat& seat, base::Bytes message) {
    if (!parameters_.nonces) {
      return Signing::begin(seat, parameters_.signers, share(), std::move(message));
    }
    const auto& [batch, position] = *parameters_.nonces;
    CONCORDAT_TRY(NonceStore* const kept, store());
    CONCORDAT_TRY(Prepared prepared, kept->take(batch, position));
    return Signing::begin(seat, parameters_.signers, share(), std::move(message),
                          std::move(prepared));
  }

  SignParameters parameters_;
  base::Bytes input_;
};

class PreprocessIntake final : public ShareIntake {
 public:
  explicit PreprocessIntake(PreprocessParameters parameters)
      : ShareIntake(parameters.group), parameters_(std::move(parameters)) {}
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    if (!share()) return Error(Errc::no_share);
    CONCORDAT_TRY(NonceStore* const kept, store());
    return Preprocessing::begin(seat, parameters_.signers, *share(), parameters_.count, *kept);
  }

 private:
  PreprocessParameters parameters_;
};

class ReshareIntake final : public ShareIntake {
 public:
  explicit ReshareIntake(ReshareParameters parameters)
      : ShareIntake(parameters.group), parameters_(std::move(parameters)) {}
  Result<std::unique_ptr<Protocol>> begin(const Seat& seat) override {
    return Resharing::begin(seat, parameters_.group, parameters_.dealers, parameters_.holders,
                            share().get());
  }

 private:
  ReshareParameters parameters_;
};

Result<std::unique_ptr<Intake>> take_keygen(BytesView parameters, std::size_t parties,
                                            std::size_t threshold) {
  CONCORDAT_CHECK(parse_keygen(parameters));
  CONCORDAT_CHECK(check_threshold(threshold, parties));
  return std::unique_ptr<Intake>(std::make_unique<KeygenIntake>(parties));
}

Status check_signers(const Indices& signers, const GroupInfo& group, std::size_t threshold) {
  CONCORDAT_CHECK(check_distinct(signers, group.holders(), "signers"));
  if (threshold == group.threshold()) return {};
  return Error(Errc::bad_threshold, "the descriptor's is " + std::to_string(threshold) +
                                        ", the group's " + std::to_string(group.threshold()));
}

Result<std::unique_ptr<Intake>> take_preprocess(BytesView parameters, std::size_t parties,
                                                std::size_t threshold) {
  CONCORDAT_TRY(PreprocessParameters parsed, parse_preprocess(parameters, parties));
  CONCORDAT_CHECK(check_signers(parsed.signers, parsed.group, threshold));
  return std::unique_ptr<Intake>(std::make_unique<PreprocessIntake>(std::move(parsed)));
}

Result<std::unique_ptr<Intake>> take_sign(BytesView parameters, std::size_t parties,
                                          std::size_t threshold) {
  CONCORDAT_TRY(SignParameters parsed, parse_sign(parameters, parties));
  CONCORDAT_CHECK(check_signers(parsed.signers, parsed.group, threshold));
  return std::unique_ptr<Intake>(std::make_unique<SignIntake>(std::move(parsed)));
}

Result<std::unique_ptr<Intake>> take_reshare(BytesView parameters, std::size_t parties,
                                             std::size_t threshold) {
  CONCORDAT_TRY(ReshareParameters parsed, parse_reshare(parameters, parties));
  CONCORDAT_CHECK(check_resharing(parsed.group, parsed.dealers, parsed.holders, threshold));
  return std::unique_ptr<Intake>(std::make_unique<ReshareIntake>(std::move(parsed)));
}

// Who has no seat deals nothing and holds nothing, and checks what others deal.
Result<std::unique_ptr<Protocol>> watch_keygen(BytesView parameters, const Seat& seat) {
  CONCORDAT_CHECK(parse_keygen(parameters));
  return Keygen::begin(seat, seat.parties.size());
}

Result<std::unique_ptr<Protocol>> watch_reshare(BytesView parameters, const Seat& seat) {
  CONCORDAT_TRY(const ReshareParameters parsed, parse_reshare(parameters, seat.parties.size()));
  return Resharing::begin(seat, parsed.group, parsed.dealers, parsed.holders, nullptr);
}

// Signing and its preparation take the message and nonces that parties alone have.
constexpr std::array<ProtocolKind, 4> kKinds{{{kKeygenName, take_keygen, watch_keygen},
                                              {kPreprocessName, take_preprocess},
                                              {kSignName, take_sign},
                                              {kReshareName, take_reshare, watch_reshare}}};

}  // namespace

std::span<const ProtocolKind> kinds() {
  return kKinds;
}

}  // namespace concordat::session::frost
