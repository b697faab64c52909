// An operator's channel to a custodian that answers in this process.
#pragma once

#include "attest/base/secret_access.hpp"
#include "deploy/cli/operator_channel.hpp"
#include "peer/error.hpp"
#include "tests/keyservice/admin_fixture.hpp"

namespace concordat::cli {

// Asks a custodian in this process, over nothing.
class LocalChannel final : public OperatorChannel {
 public:
  LocalChannel(policy::AdmittedPeer enclave, keyservice::AdministeredCustodian& custodian,
               std::vector<std::string>& operations)
      : enclave_(std::move(enclave)), custodian_(custodian), operations_(operations) {}
  const policy::AdmittedPeer& enclave() const noexcept override { return enclave_; }
  base::Result<keyservice::AdminReply> ask(
      keyservice::AdminRequest request,
      const keyservice::AdminResponseReader::OnPart& on_part) override {
    request.id = next_id_++;
    operations_.emplace_back(request.operation());
    const base::SecretBytes record = encode(request);
    keyservice::ServedAdmin served;
    custodian_.server_.serve(custodian_.world_.policy(1), custodian_.dana(),
                             record.expose(base::SecretAccess{}), custodian_.now_,
                             [&](keyservice::ServedAdmin done) { served = std::move(done); });
    custodian_.loaded_.shared.run();
    keyservice::AdminResponseReader reader(request.id, on_part);
    while (const auto reply = served.answer->next()) {
      CONCORDAT_TRY(auto last, reader.take(*reply));
      if (last) return *std::move(last);
    }
    return base::Error(peer::Errc::truncated);
  }

 private:
  policy::AdmittedPeer enclave_;
  keyservice::AdministeredCustodian& custodian_;
  std::vector<std::string>& operations_;
  std::uint64_t next_id_ = 1;
};

}  // namespace concordat::cli
