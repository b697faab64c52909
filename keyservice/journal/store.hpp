// The untrusted store as a journal sees it: records by name, made once and never changed. What it
// says is believed for availability only; every byte that it gives is verified.
//
// One thread. A completion may run before the call returns or later, never twice. Where the store
// gives no answer at all, the implementation says unreachable after its own time.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "attest/base/bytes.hpp"

namespace concordat::keyservice::journal {

struct Record {
  std::string name;  // of a-z, 0-9, '.' and '-'
  base::Bytes value;
};
struct Records {
  std::vector<Record> records;  // ascending by name, bytewise
  bool more = false;            // there are others behind the last one
};

// What must be there for a record to be made: the record of this name, with this content.
struct Predecessor {
  std::string name;
  base::Sha256Digest hash;  // SHA-256 of its value
};

class Store {
 public:
  using Done = std::function<void(base::Status)>;
  using OnRecords = std::function<void(base::Result<Records>)>;

  virtual ~Store() = default;

  // The compare-and-swap, as one step, durable when it is acknowledged: makes the record unless its
  // name is taken (position_taken; by the very same value: that or done), and, where `after` is
  // given, only if it is there (predecessor_missing). store_full: certainly not written. Any other
  // error leaves it open whether the record was or will be made.
  virtual void create(const std::string& name, const std::optional<Predecessor>& after,
                      base::Bytes value, Done done) = 0;
  // Names that begin with `prefix` and come behind `after`, which may be empty: as many whole
  // records as fit into `max_bytes` of values, and one at least, if there is any.
  virtual void read(const std::string& prefix, const std::string& after, std::size_t max_bytes,
                    OnRecords done) = 0;
  // All that begin with `prefix` and come before `before`; that there is none is no error.
  virtual void remove(const std::string& prefix, const std::string& before, Done done) = 0;
};

}  // namespace concordat::keyservice::journal
