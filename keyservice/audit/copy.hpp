// A log's files from where its custodian keeps them to where an auditor does: what its checkpoint
// needs, the evidence that its entries refer to, and nothing else. Nothing is judged here
// (verify.hpp): what is wrong is copied as it is, for all to see.
#pragma once

#include "keyservice/audit/checkpoint.hpp"
#include "keyservice/audit/source.hpp"

namespace concordat::keyservice::audit {

// Where to. What is full or named by its hash never changes, and is passed over when it is there.
class Destination {
 public:
  virtual ~Destination() = default;
  [[nodiscard]] virtual bool has(const std::string& name) = 0;
  [[nodiscard]] virtual base::Status write(const std::string& name, const base::Bytes& content) = 0;
};

struct Copied {
  Checkpoint checkpoint;
  std::size_t files = 0;    // that were written
  std::size_t missing = 0;  // that the log should have, and has not
};

// The checkpoint comes last. file_missing when there is none; malformed_checkpoint, malformed_note;
// otherwise errors of both sides.
[[nodiscard]] base::Result<Copied> copy_log(Source& from, Destination& to);

}  // namespace concordat::keyservice::audit
