// The Nitro Secure Module's protocol: CBOR messages of aws-nitro-enclaves-nsm-api (src/api/mod.rs),
// both sides, and a typed client over whatever carries them.
//
// Requests are written exactly as serde_cbor 0.11 writes them. Responses are read by name: key
// order, definite or indefinite maps and the width of integers are the module's choice, unknown
// keys are passed over, and a key that is missing or comes twice is an error.
#pragma once

#include <optional>
#include <variant>

#include "attest/pcr.hpp"

namespace concordat::attest {

// Carries one encoded request to a module and its encoded response back; blocks meanwhile.
class NsmTransport {
 public:
  virtual ~NsmTransport() = default;
  // `request` has at most nsm::kMaxRequest bytes. A failure is one of the carrier, not an answer
  // of the module: the module's own errors are responses.
  [[nodiscard]] virtual base::Result<base::Bytes> exchange(base::BytesView request) = 0;
};

namespace nsm {

using base::Bytes;
using base::BytesView;
using base::Result;
using base::Status;

// drivers/misc/nsm.c: a longer request is EMSGSIZE, a longer response is cut off silently.
inline constexpr std::size_t kMaxRequest = 0x1000;
inline constexpr std::size_t kMaxResponse = 0x3000;
// user_data, nonce and public_key each: AWS issues documents with 1,024 bytes in all three.
inline constexpr std::size_t kMaxField = 1024;
inline constexpr std::size_t kRandomSize = 256;

// The module's ErrorCode with its numbers; `describe().name` is the wire's name in snake_case.
// invalid_response is also what this client says of a response that it cannot read.
enum class Errc {
  invalid_argument = 1,
  invalid_index,
  invalid_response,
  read_only_index,
  invalid_operation,
  buffer_too_small,
  input_too_large,
  internal_error,
};
[[nodiscard]] base::CodeInfo describe(Errc code) noexcept;
[[nodiscard]] constexpr const char* category_name(Errc) {
  return "nsm";
}
[[nodiscard]] inline boost::system::error_code make_error_code(Errc e) {
  return base::enum_code(e);
}
// "InvalidArgument" and so on, as on the wire.
[[nodiscard]] std::string_view wire_name(Errc code) noexcept;
[[nodiscard]] std::optional<Errc> errc_from_wire(std::string_view name) noexcept;
// The module's code in `error`, or internal_error where it is of another kind.
[[nodiscard]] Errc errc_of(const base::Error& error) noexcept;

struct DescribeNsmRequest {};
struct GetRandomRequest {};
struct DescribePcrRequest {
  std::uint16_t index = 0;
};
struct ExtendPcrRequest {
  std::uint16_t index = 0;
  Bytes data;
};
struct LockPcrRequest {
  std::uint16_t index = 0;
};
struct LockPcrsRequest {
  std::uint16_t range = 0;  // locks [0, range)
};
struct AttestationRequest {
  std::optional<Bytes> user_data;
  std::optional<Bytes> nonce;
  std::optional<Bytes> public_key;
};
using Request = std::variant<DescribeNsmRequest, GetRandomRequest, DescribePcrRequest,
                             ExtendPcrRequest, LockPcrRequest, LockPcrsRequest, AttestationRequest>;

enum class Digest { sha256, sha384, sha512 };
[[nodiscard]] std::string_view wire_name(Digest digest) noexcept;

struct DescribeNsmResponse {
  std::uint16_t version_major = 0;
  std::uint16_t version_minor = 0;
  std::uint16_t version_patch = 0;
  std::string module_id;
  std::uint16_t max_pcrs = 0;
  std::vector<std::uint16_t> locked_pcrs;
  Digest digest = Digest::sha384;
};
struct GetRandomResponse {
  Bytes random;
};
struct DescribePcrResponse {
  bool lock = false;
  PcrValue data;
};
struct ExtendPcrResponse {
  PcrValue data;
};
struct LockPcrResponse {};
struct LockPcrsResponse {};
struct AttestationResponse {
  Bytes document;
};
struct ErrorResponse {
  Errc code = Errc::internal_error;
};
using Response =
    std::variant<DescribeNsmResponse, GetRandomResponse, DescribePcrResponse, ExtendPcrResponse,
                 LockPcrResponse, LockPcrsResponse, AttestationResponse, ErrorResponse>;

[[nodiscard]] Bytes encode_request(const Request& request);
// The module's side. Whatever is not a request is invalid_operation, as the module answers;
// longer than kMaxRequest is input_too_large. Fields longer than kMaxField pass: the module judges.
[[nodiscard]] Result<Request> decode_request(BytesView message);

[[nodiscard]] Bytes encode_response(const Response& response);
// invalid_response, with what was wrong and where. An ErrorResponse is a value here.
[[nodiscard]] Result<Response> decode_response(BytesView message);

// The typed client: each sends one request and wants the response of that name. Errors: the
// transport's own, the module's code as Errc, invalid_response.
[[nodiscard]] Result<DescribeNsmResponse> describe_nsm(NsmTransport& transport);
[[nodiscard]] Result<Bytes> get_random(NsmTransport& transport);
[[nodiscard]] Result<DescribePcrResponse> describe_pcr(NsmTransport& transport,
                                                       std::uint16_t index);
// The register's new value. input_too_large where the request would pass kMaxRequest.
[[nodiscard]] Result<PcrValue> extend_pcr(NsmTransport& transport, std::uint16_t index,
                                          BytesView data);
[[nodiscard]] Status lock_pcr(NsmTransport& transport, std::uint16_t index);
[[nodiscard]] Status lock_pcrs(NsmTransport& transport, std::uint16_t range);
// The encoded document. input_too_large where a field passes kMaxField.
// For mint.hpp alone: programs ask for documents by purpose, never by field.
[[nodiscard]] Result<Bytes> attestation(NsmTransport& transport, const AttestationRequest& request);

}  // namespace nsm
}  // namespace concordat::attest
