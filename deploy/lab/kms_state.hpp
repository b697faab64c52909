// The state directory of the local KMS, owner-only, used by one process at a time:
//
//   keys/           the KMS keys and their policies
//   credentials/    admin.json, instance.json: what IMDSv2 would hand out, made at first use
//   tls/            the TLS authority's key
//   tls-ca.pem      what clients trust
//   lock            held while a process uses the directory
#pragma once

#include "attest/base/descriptor.hpp"
#include "deploy/lab/key_table.hpp"
#include "deploy/lab/kms_core.hpp"

namespace concordat::lab {

struct KmsState {
  base::Descriptor lock;
  KeyTable keys;
  // arn:aws:iam::ACCOUNT:user/lab-admin with a long-lived key, and the instance's role
  // arn:aws:iam::ACCOUNT:role/lab-instance with a session token, as an instance profile has.
  std::vector<LabPrincipal> principals;
};

// Makes what is missing. Fails with bad_state while another process holds the lock.
[[nodiscard]] base::Result<KmsState> open_kms_state(const std::filesystem::path& directory,
                                                    const std::string& account,
                                                    base::UnixMillis now);

}  // namespace concordat::lab
