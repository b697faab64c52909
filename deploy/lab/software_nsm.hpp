// A Nitro Secure Module in software, one per simulated enclave: 32 registers of which 0..15 are
// measured and locked at boot, and documents signed under the lab's PKI. It answers what the device
// answers (aws-nitro-enclaves-nsm-api, nsm-test/src/bin/nsm-check.rs), errors included.
#pragma once

#include <array>
#include <functional>

#include "attest/nsm.hpp"
#include "deploy/lab/pki.hpp"

namespace concordat::lab {

using Clock = std::function<base::UnixMillis()>;

// What the hypervisor knows of an enclave when it starts it.
struct EnclaveIdentity {
  std::string instance_id = "i-0123456789abcdef0";  // "i-" and 17 hex digits; becomes PCR4
  std::string role_arn;                             // becomes PCR3; empty: PCR3 stays zero
  attest::PcrValue pcr0;
  attest::PcrValue pcr1;
  attest::PcrValue pcr2;
  attest::PcrValue pcr8;  // zero when the image is unsigned
  bool debug = false;     // zeroes PCR0, 1, 2 and 8, as run-enclave --debug-mode does
};

// PCR3 and PCR4: a zero register extended with the ASCII text.
[[nodiscard]] attest::PcrValue identity_pcr(std::string_view text);

// "i-<17 hex>-enc<16 hex>": the launch time in milliseconds (12 digits) and four random digits.
[[nodiscard]] std::string make_module_id(const std::string& instance_id, base::UnixMillis launched);

// Thread-safe: one request at a time, as the device does. `pki` must outlive it.
class SoftwareNsm final : public attest::NsmTransport {
 public:
  // The launch time in the module id is `clock()` at construction.
  SoftwareNsm(Pki& pki, const EnclaveIdentity& identity, Clock clock);

  // An answer always: what the device refuses is an ErrorResponse.
  [[nodiscard]] base::Result<base::Bytes> exchange(base::BytesView request) override;

  [[nodiscard]] const std::string& module_id() const noexcept { return module_id_; }

 private:
  struct Register {
    attest::PcrValue value;
    bool locked = false;
  };

  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::DescribeNsmRequest& request);
  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::GetRandomRequest& request);
  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::DescribePcrRequest& request);
  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::ExtendPcrRequest& request);
  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::LockPcrRequest& request);
  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::LockPcrsRequest& request);
  [[nodiscard]] attest::nsm::Response answer(const attest::nsm::AttestationRequest& request);
  [[nodiscard]] base::Result<base::Bytes> document(const attest::nsm::AttestationRequest& request);
  [[nodiscard]] base::Status ensure_leaf(base::UnixMillis now);

  Pki& pki_;
  std::string instance_id_;
  Clock clock_;
  std::string module_id_;
  std::mutex mutex_;
  std::array<Register, attest::kPcrCount> registers_;
  LeafCredential leaf_;  // reused until nearly expired, as AWS's is
  base::UnixMillis leaf_issued_;
};

}  // namespace concordat::lab
