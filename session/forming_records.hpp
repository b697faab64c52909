// What parties that are attested to one another say until the session has formed: data records of
// their channel (peer/PROTOCOL.md section 12), each CBOR, preferred encoding.
//
//   [0, roster or h'']       view: the group that the sender sees; empty: nothing new, still here
//   [1, run id, signature]   signed: the sender's signature under its last view
//   [2, run id]              ready: it holds everybody's signature; what follows is the run's own
#pragma once

#include <variant>

#include "policy/dsse.hpp"
#include "session/roster.hpp"

namespace concordat::session {

struct ViewRecord {
  base::Bytes roster;
};
struct SignedRecord {
  RunId run;
  policy::Signature signature;  // under roster_message
};
struct ReadyRecord {
  RunId run;
};
using FormingRecord = std::variant<ViewRecord, SignedRecord, ReadyRecord>;

[[nodiscard]] base::Bytes encode(const FormingRecord& record);
// malformed_roster.
[[nodiscard]] base::Result<FormingRecord> decode_forming_record(base::BytesView record);

}  // namespace concordat::session
