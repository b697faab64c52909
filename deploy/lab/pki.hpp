// A throw-away PKI of the shape of AWS's: root -> regional -> zonal -> instance -> leaf, all P-384
// and ecdsa-with-SHA384, with the extensions, path lengths and lifetimes measured on documents that
// AWS issued (30 years, 20 days, 6 days, 24 hours, 3 hours and 3 seconds). Only the names say that
// it is none of AWS's: where AWS writes "aws.nitro-enclaves" this writes
// "concordat-lab.nitro-enclaves".
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "deploy/lab/certificate.hpp"

namespace concordat::lab {

// What one enclave's NSM signs with, until `not_after`.
struct LeafCredential {
  base::Bytes certificate;            // DER
  std::vector<base::Bytes> cabundle;  // DER: root, regional, zonal, instance
  base::PkeyPtr key;
  base::UnixMillis not_after;
};

// Thread-safe. Certificates below the root are made when first needed and renewed so that none
// outlives its issuer; their keys never leave memory.
class Pki {
 public:
  // A root valid from an hour before `now`.
  [[nodiscard]] static base::Result<std::unique_ptr<Pki>> create(base::UnixMillis now,
                                                                 std::string region = "us-east-1");
  // The root kept in `directory` (root.key, root.der), made at the first call. The directory must
  // belong to this user and be closed to everybody else: bad_state otherwise.
  [[nodiscard]] static base::Result<std::unique_ptr<Pki>> open(
      const std::filesystem::path& directory, base::UnixMillis now,
      std::string region = "us-east-1");

  [[nodiscard]] const base::Bytes& root_der() const noexcept { return root_der_; }

  // A fresh key and certificate for the enclave `module_id` ("i-...-enc<16 hex>") on the instance
  // `instance_id` ("i-...").
  [[nodiscard]] base::Result<LeafCredential> issue_leaf(const std::string& instance_id,
                                                        const std::string& module_id,
                                                        base::UnixMillis now);

 private:
  Pki(Credential root, base::Bytes root_der, std::string region)
      : root_(std::move(root)), root_der_(std::move(root_der)), region_(std::move(region)) {}

  [[nodiscard]] base::Status ensure_regional(base::UnixMillis now);
  [[nodiscard]] base::Status ensure_zonal(base::UnixMillis now);
  [[nodiscard]] base::Result<const Credential*> ensure_instance(const std::string& instance_id,
                                                                base::UnixMillis now);

  Credential root_;
  base::Bytes root_der_;
  std::string region_;
  std::mutex mutex_;
  Credential regional_;
  Credential zonal_;
  std::map<std::string, Credential> instances_;
};

}  // namespace concordat::lab
