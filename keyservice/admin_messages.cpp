#include "keyservice/admin_messages.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/message_parts.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::cbor::Reader;
using base::cbor::Writer;

Result<AdminReply> read_reply(Reader& reader, BytesView record) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMaxAdminItems));
  AdminReply reply;
  CONCORDAT_TRY(reply.id, reader.read_uint());
  CONCORDAT_TRY(const std::uint64_t kind, reader.read_uint());
  if (kind > static_cast<std::uint64_t>(AdminReplyKind::part)) {
    return Error(Errc::malformed_response, "kind " + std::to_string(kind));
  }
  reply.kind = static_cast<AdminReplyKind>(kind);
  if (reply.kind == AdminReplyKind::failure) {
    if (count != 4) return Error(Errc::malformed_response, "shape");
    CONCORDAT_TRY(reply.failure, read_failure(reader));
  } else {
    constexpr unsigned kMaxDepth = 4;
    const std::size_t start = reader.offset();
    reply.count = count - 2;
    for (std::size_t i = 0; i < reply.count; ++i)
      CONCORDAT_CHECK(reader.skip(kMaxDepth));
    reply.items = base::to_bytes(record.subspan(start, reader.offset() - start));
  }
  CONCORDAT_CHECK(reader.finish());
  return reply;
}

Bytes encode_reply(std::uint64_t id, AdminReplyKind kind, std::size_t count, BytesView items) {
  Writer out;
  out.array(2 + count).uint(id).uint(static_cast<std::uint64_t>(kind)).raw(items);
  return std::move(out).take();
}

}  // namespace

Bytes encode_part(std::uint64_t id, std::size_t count, BytesView items) {
  return encode_reply(id, AdminReplyKind::part, count, items);
}

Bytes encode_last(std::uint64_t id, std::size_t count, BytesView items) {
  return encode_reply(id, AdminReplyKind::last, count, items);
}

Bytes encode_failure(std::uint64_t id, const Failure& failure) {
  return encode_reply(id, AdminReplyKind::failure, 2,
                      Writer().text(failure.code).text(failure.detail).view());
}

Result<AdminReply> decode_admin_reply(BytesView record) {
  Reader reader(record);
  auto reply = read_reply(reader, record);
  if (reply || reply.error().is(Errc::malformed_response)) return reply;
  return as(Errc::malformed_response, reply.error());
}

Result<std::optional<AdminReply>> AdminResponseReader::take(BytesView record) {
  CONCORDAT_TRY(AdminReply reply, decode_admin_reply(record));
  if (reply.id != id_) {
    return Error(Errc::malformed_response, "an answer to request " + std::to_string(reply.id) +
                                               ", where " + std::to_string(id_) + " was asked");
  }
  switch (reply.kind) {
    case AdminReplyKind::failure:
      return Error(Errc::refused_by_custodian, reply.failure.code + ": " + reply.failure.detail);
    case AdminReplyKind::last:
      return std::optional(std::move(reply));
    case AdminReplyKind::part:
      break;
  }
  if (!on_part_) return Error(Errc::malformed_response, "a part where one record was expected");
  CONCORDAT_CHECK(on_part_(reply));
  return std::optional<AdminReply>();
}

}  // namespace concordat::keyservice
