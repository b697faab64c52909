#include "keyservice/audit/evidence.hpp"

#include "attest/base/hash.hpp"

namespace concordat::keyservice::audit {

std::string evidence_name(const base::Sha256Digest& hash) {
  const std::string hex = hash.hex();
  return std::string(kEvidencePrefix) + hex.substr(0, 2) + "/" + hex;
}

EvidenceRef Evidence::ref() const {
  return {type, base::sha256({content})};
}

}  // namespace concordat::keyservice::audit
