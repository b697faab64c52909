// What the requests and responses of workers and of operators have in common.
#pragma once

#include "attest/base/cbor.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice {

// An error of what was read, under the code that the message's reader promises.
[[nodiscard]] inline base::Error as(Errc code, const base::Error& cause) {
  return {code, cause.to_string()};
}

// The one request that `record` is, by `read`: message_too_large, unknown_operation where `read`
// says so, malformed_request for anything else that is wrong.
template <class Request>
[[nodiscard]] base::Result<Request> decode_whole(
    base::BytesView record, base::Result<Request> (*read)(base::cbor::Reader&)) {
  if (record.size() > kMaxRequest) return base::Error(Errc::message_too_large);
  base::cbor::Reader reader(record);
  auto request = read(reader);
  if (!request) {
    return request.error().is(Errc::unknown_operation)
               ? request.error()
               : as(Errc::malformed_request, request.error());
  }
  if (const auto end = reader.finish(); !end) return as(Errc::malformed_request, end.error());
  return request;
}

// The items of a refusal, behind what says that it is one.
[[nodiscard]] base::Result<Failure> read_failure(base::cbor::Reader& reader);

}  // namespace concordat::keyservice
