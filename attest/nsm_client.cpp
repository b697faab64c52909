#include "attest/nsm.hpp"

namespace concordat::attest::nsm {
namespace {

using base::Error;

// One request, and the response of the type that belongs to it.
template <class Wanted>
Result<Wanted> call(NsmTransport& transport, const Request& request) {
  const Bytes message = encode_request(request);
  if (message.size() > kMaxRequest) {
    return Error(Errc::input_too_large, std::to_string(message.size()) + " bytes of request, " +
                                            std::to_string(kMaxRequest) + " allowed");
  }
  CONCORDAT_TRY(const Bytes answer, transport.exchange(message));
  CONCORDAT_TRY(Response response, decode_response(answer));
  if (const auto* error = std::get_if<ErrorResponse>(&response)) {
    return Error(error->code, "answered by the NSM");
  }
  if (auto* wanted = std::get_if<Wanted>(&response)) return std::move(*wanted);
  return Error(Errc::invalid_response, "the answer to another request");
}

Status check_field(std::string_view name, const std::optional<Bytes>& field) {
  if (!field || field->size() <= kMaxField) return {};
  return Error(Errc::input_too_large, std::string(name) + " has " + std::to_string(field->size()) +
                                          " bytes, " + std::to_string(kMaxField) + " allowed");
}

}  // namespace

Result<DescribeNsmResponse> describe_nsm(NsmTransport& transport) {
  return call<DescribeNsmResponse>(transport, DescribeNsmRequest{});
}

Result<Bytes> get_random(NsmTransport& transport) {
  CONCORDAT_TRY(auto response, call<GetRandomResponse>(transport, GetRandomRequest{}));
  return std::move(response.random);
}

Result<DescribePcrResponse> describe_pcr(NsmTransport& transport, std::uint16_t index) {
  return call<DescribePcrResponse>(transport, DescribePcrRequest{index});
}

Result<PcrValue> extend_pcr(NsmTransport& transport, std::uint16_t index, BytesView data) {
  const ExtendPcrRequest request{index, base::to_bytes(data)};
  CONCORDAT_TRY(const auto response, call<ExtendPcrResponse>(transport, request));
  return response.data;
}

Status lock_pcr(NsmTransport& transport, std::uint16_t index) {
  CONCORDAT_CHECK(call<LockPcrResponse>(transport, LockPcrRequest{index}));
  return {};
}

Status lock_pcrs(NsmTransport& transport, std::uint16_t range) {
  CONCORDAT_CHECK(call<LockPcrsResponse>(transport, LockPcrsRequest{range}));
  return {};
}

Result<Bytes> attestation(NsmTransport& transport, const AttestationRequest& request) {
  CONCORDAT_CHECK(check_field("user_data", request.user_data));
  CONCORDAT_CHECK(check_field("nonce", request.nonce));
  CONCORDAT_CHECK(check_field("public_key", request.public_key));
  CONCORDAT_TRY(auto response, call<AttestationResponse>(transport, request));
  return std::move(response.document);
}

}  // namespace concordat::attest::nsm
