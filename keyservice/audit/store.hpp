// Where a log is kept, as its writer sees it: files by name, trusted with nothing. What it gives is
// verified; what it acknowledges is believed to be durable, and an auditor sees when it was not.
//
// One thread. A completion may run before the call returns or later, never twice. Where the store
// gives no answer at all, the implementation says unreachable after its own time.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "keyservice/audit/entry.hpp"

namespace concordat::keyservice::audit {

struct File {
  std::string name;  // of a tile, a bundle, evidence, or "checkpoint"
  base::Bytes content;
};

using FilesPtr = std::shared_ptr<const std::vector<File>>;

class Store {
 public:
  using Done = std::function<void(base::Status)>;
  using OnContent = std::function<void(base::Result<std::optional<base::Bytes>>)>;

  virtual ~Store() = default;

  // Makes this boot the log's writer. Once acknowledged, nothing that an earlier one wrote or still
  // writes comes through any more.
  virtual void claim(const BootId& writer, Done done) = 0;
  // Makes or replaces these files, each as a whole, and the last one when all others are durable;
  // acknowledged when that is, too. superseded when another boot has claimed the log since: then
  // none is made any more. After that, and after store_full and unreachable, some may be there, the
  // last one only after all others. Writing the same again is always right.
  virtual void write(FilesPtr files, Done done) = 0;
  // All whose names begin with `prefix`. Nobody waits for it, and it may be left undone.
  virtual void remove(const std::string& prefix, Done done) = 0;
  // nullopt: there is none.
  virtual void read(const std::string& name, OnContent done) = 0;
};

}  // namespace concordat::keyservice::audit
