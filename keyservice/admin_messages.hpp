// Requests of operators to a custodian and its responses: CBOR arrays, each one record of a channel
// of purpose "admin".
//
//   request   [id, operation (tstr), argument...]
//   part      [id, 2, item...]
//   last      [id, 0, item...]
//   failure   [id, 1, code (tstr), detail (tstr)]
//
// id: uint chosen by the operator, repeated in the response. A response is any number of parts, in
// order, and then one last or one failure: after a failure the parts before it are not the whole.
// Operations that list things answer in parts, so that no answer is larger than a record and none
// is held in memory as a whole; every other answers in its last alone. Responses to different ids
// may be interleaved. What the items mean is the operation's, below.
//
//   status    no arguments; last: one map (custodian_status.hpp)
#pragma once

#include <functional>
#include <optional>
#include <variant>

#include "keyservice/messages.hpp"

namespace concordat::keyservice {

struct StatusRequest {};

struct AdminRequest {
  std::uint64_t id = 0;
  std::variant<StatusRequest> body;

  [[nodiscard]] std::string_view operation() const noexcept;
};
[[nodiscard]] base::Bytes encode(const AdminRequest& request);
// malformed_request, unknown_operation, message_too_large. request_id_of (messages.hpp) says which
// request it was.
[[nodiscard]] base::Result<AdminRequest> decode_admin_request(base::BytesView record);

// The numbers travel.
enum class AdminReplyKind : std::uint8_t { last = 0, failure = 1, part = 2 };

// `items`: so many CBOR items, encoded one after the other.
[[nodiscard]] base::Bytes encode_part(std::uint64_t id, std::size_t count, base::BytesView items);
[[nodiscard]] base::Bytes encode_last(std::uint64_t id, std::size_t count, base::BytesView items);
[[nodiscard]] base::Bytes encode_failure(std::uint64_t id, const Failure& failure);

struct AdminReply {
  std::uint64_t id = 0;
  AdminReplyKind kind = AdminReplyKind::last;
  std::size_t count = 0;
  base::Bytes items;  // of part and last
  Failure failure;    // of failure
};
[[nodiscard]] base::Result<AdminReply> decode_admin_reply(base::BytesView record);

// One response as its operator reads it, record by record.
class AdminResponseReader {
 public:
  using OnPart = std::function<base::Status(const AdminReply&)>;
  // `on_part` empty: the operation does not list, and a part is malformed_response.
  AdminResponseReader(std::uint64_t id, OnPart on_part) : id_(id), on_part_(std::move(on_part)) {}

  // The last of the response; nullopt: more is to come. malformed_response; refused_by_custodian
  // with the custodian's code and words; the error of `on_part`.
  [[nodiscard]] base::Result<std::optional<AdminReply>> take(base::BytesView record);

 private:
  std::uint64_t id_;
  OnPart on_part_;
};

}  // namespace concordat::keyservice
