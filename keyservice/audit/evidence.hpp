// What entries refer to by hash, kept once: evidence/<first two hex digits>/<64 hex digits>, each
// file as it came, named by its SHA-256.
#pragma once

#include "keyservice/audit/entry.hpp"

namespace concordat::keyservice::audit {

inline constexpr std::string_view kEvidencePrefix = "evidence/";

[[nodiscard]] std::string evidence_name(const base::Sha256Digest& hash);

// One that is still to be kept.
struct Evidence {
  EvidenceType type = EvidenceType::document;
  base::Bytes content;

  [[nodiscard]] EvidenceRef ref() const;
};

}  // namespace concordat::keyservice::audit
