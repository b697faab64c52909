// Where a log is kept, as its writer sees it: files by name, trusted with nothing. What it gives is
// verified; what it acknowledges is believed to be durable, and an auditor sees when it was not.
//
// One thread. A completion may run before the call returns or later, never twice. Where the store
// gives no answer at all, the implementation says unreachable after its own time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "keyservice/audit/entry.hpp"

namespace concordat::keyservice::audit {

struct File {
  std::string name;  // of a tile, a bundle, evidence, or "checkpoint"
  base::Bytes content;
};

class Store {
 public:
  using Done = std::function<void(base::Status)>;
  using OnContent = std::function<void(base::Result<std::optional<base::Bytes>>)>;

  virtual ~Store() = default;

  // Makes this boot the log's writer. Once acknowledged, nothing that an earlier one wrote or still
  // writes comes through any more.
  virtual void claim(const BootId& writer, Done done) = 0;
  // Makes or replaces these files, in this order, each as a whole; acknowledged when all are
  // durable. superseded when another boot has claimed the log since: then none is, or a first part.
  // store_full, unreachable: perhaps a first part. Writing the same again is always right.
  virtual void write(const std::vector<File>& files, Done done) = 0;
  // All whose names begin with `prefix`. Nobody waits for it, and it may be left undone.
  virtual void remove(const std::string& prefix, Done done) = 0;
  // nullopt: there is none.
  virtual void read(const std::string& name, OnContent done) = 0;
};

}  // namespace concordat::keyservice::audit
