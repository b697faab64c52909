// A module in memory: registers, locks and unsigned documents, with faults that a test switches on.
#pragma once

#include <array>

#include "attest/nsm.hpp"

namespace concordat::attest {

class FakeNsm final : public NsmTransport {
 public:
  struct Register {
    PcrValue value;
    bool locked = false;
  };

  base::Result<base::Bytes> exchange(base::BytesView message) override {
    ++calls;
    if (calls == fail_call) return base::Error(nsm::Errc::internal_error, "carrier lost");
    auto request = nsm::decode_request(message);
    if (!request) return nsm::encode_response(nsm::ErrorResponse{nsm::errc_of(request.error())});
    return nsm::encode_response(std::visit([this](const auto& r) { return answer(r); }, *request));
  }

  std::array<Register, kPcrCount> registers;
  int calls = 0;
  int fail_call = 0;         // this call, counted from 1, fails in the carrier
  bool ignore_lock = false;  // says that it locked and does not
  bool ignore_extend = false;
  base::Bytes document{0x84};                // what every attestation answers
  nsm::AttestationRequest last_attestation;  // what was asked for last

 private:
  template <class Request>
  nsm::Response answer(const Request&) {
    return nsm::ErrorResponse{nsm::Errc::invalid_operation};
  }
  nsm::Response answer(const nsm::DescribePcrRequest& r) {
    if (r.index >= kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
    return nsm::DescribePcrResponse{registers[r.index].locked, registers[r.index].value};
  }
  nsm::Response answer(const nsm::ExtendPcrRequest& r) {
    if (r.index >= kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
    Register& pcr = registers[r.index];
    if (pcr.locked) return nsm::ErrorResponse{nsm::Errc::read_only_index};
    if (!ignore_extend) pcr.value = extended_pcr(pcr.value, r.data);
    return nsm::ExtendPcrResponse{pcr.value};
  }
  nsm::Response answer(const nsm::LockPcrRequest& r) {
    if (r.index >= kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
    if (!ignore_lock) registers[r.index].locked = true;
    return nsm::LockPcrResponse{};
  }
  nsm::Response answer(const nsm::AttestationRequest& r) {
    last_attestation = r;
    return nsm::AttestationResponse{document};
  }
};

}  // namespace concordat::attest
