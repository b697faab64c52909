#include "keyservice/replica_messages.hpp"

#include "attest/base/secret_access.hpp"
#include "keyservice/cbor_items.hpp"
#include "keyservice/message_parts.hpp"

namespace concordat::keyservice {

using base::BytesView;
using base::Error;
using base::Result;
using base::SecretAccess;
using base::SecretBytes;
using base::cbor::Reader;
using base::cbor::Writer;

namespace {

constexpr std::string_view kRootOperation = "root";
constexpr std::size_t kRootRequestItems = 4;
constexpr std::size_t kGivenItems = 7;
constexpr std::size_t kRefusedItems = 4;
constexpr std::uint64_t kGiven = 0;
constexpr std::uint64_t kRefused = 1;

Result<RootRequest> read_root_request(Reader& reader) {
  RootRequest out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kRootRequestItems));
  if (count != kRootRequestItems) return Error(Errc::malformed_request, "items");
  CONCORDAT_TRY(out.id, reader.read_uint());
  CONCORDAT_TRY(const std::string_view operation, reader.read_text(kMaxAdminOperation));
  if (operation != kRootOperation) {
    return Error(Errc::unknown_operation, "'" + std::string(operation) + "' among custodians");
  }
  CONCORDAT_TRY(out.generation, read_uint32(reader));
  CONCORDAT_TRY(out.commitment, read_fixed<RootCommitment>(reader));
  return out;
}

Result<GivenRoot> read_given(Reader& reader) {
  GivenRoot out;
  CONCORDAT_TRY(out.head.generation, read_uint32(reader));
  CONCORDAT_TRY(out.head.head.position, reader.read_uint());
  CONCORDAT_TRY(out.head.head.hash, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(out.head.tag, read_fixed<HeadTag>(reader));
  CONCORDAT_TRY(out.prk, read_secret(reader, kRootPrkSize));
  return out;
}

Result<RootAnswer> read_root_answer(Reader& reader) {
  RootAnswer out;
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kGivenItems));
  CONCORDAT_TRY(out.id, reader.read_uint());
  CONCORDAT_TRY(const std::uint64_t status, reader.read_uint());
  if (status == kGiven && count == kGivenItems) {
    CONCORDAT_TRY(out.body, read_given(reader));
  } else if (status == kRefused && count == kRefusedItems) {
    CONCORDAT_TRY(out.body, read_failure(reader));
  } else {
    return Error(Errc::malformed_response, "shape");
  }
  CONCORDAT_CHECK(reader.finish());
  return out;
}

}  // namespace

base::Bytes encode(const RootRequest& request) {
  Writer out;
  out.array(kRootRequestItems).uint(request.id).text(kRootOperation).uint(request.generation);
  out.bytes(request.commitment.view());
  return std::move(out).take();
}

Result<RootRequest> decode_root_request(BytesView record) {
  return decode_whole(record, read_root_request);
}

SecretBytes encode(const RootAnswer& answer) {
  Writer out;
  if (const auto* failure = std::get_if<Failure>(&answer.body)) {
    out.array(kRefusedItems).uint(answer.id).uint(kRefused);
    out.text(failure->code).text(failure->detail);
    return guarded(out.view(), {});
  }
  const auto& given = std::get<GivenRoot>(answer.body);
  out.array(kGivenItems).uint(answer.id).uint(kGiven).uint(given.head.generation);
  out.uint(given.head.head.position).bytes(given.head.head.hash.view());
  out.bytes(given.head.tag.view()).bytes_head(given.prk.size());
  return guarded(out.view(), given.prk.expose(SecretAccess{}));
}

Result<RootAnswer> decode_root_answer(const SecretBytes& record) {
  Reader reader(record.expose(SecretAccess{}));
  auto answer = read_root_answer(reader);
  if (!answer) return as(Errc::malformed_response, answer.error());
  return answer;
}

}  // namespace concordat::keyservice
