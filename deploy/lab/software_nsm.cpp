#include "deploy/lab/software_nsm.hpp"

#include "attest/base/random.hpp"
#include "deploy/lab/document_writer.hpp"

namespace concordat::lab {
namespace {

using attest::kPcrCount;
using attest::PcrValue;
namespace nsm = attest::nsm;

constexpr unsigned kLockedAtBoot = 16;
// AWS's documents carry leaves with as little as 38 minutes left of their three hours.
constexpr auto kLeafReserve = std::chrono::minutes(30);

}  // namespace

PcrValue identity_pcr(std::string_view text) {
  return attest::extended_pcr({}, base::as_bytes(text));
}

std::string make_module_id(const std::string& instance_id, base::UnixMillis launched) {
  base::Bytes id;
  for (int shift = 40; shift >= 0; shift -= 8) {
    id.push_back(static_cast<std::uint8_t>(launched.value >> shift));
  }
  id.resize(8);
  base::SystemRandom().fill(std::span(id).last(2));
  return instance_id + "-enc" + base::to_hex(id);
}

SoftwareNsm::SoftwareNsm(Pki& pki, const EnclaveIdentity& identity, Clock clock)
    : pki_(pki), instance_id_(identity.instance_id), clock_(std::move(clock)) {
  module_id_ = make_module_id(instance_id_, clock_());
  for (unsigned i = 0; i < kLockedAtBoot; ++i)
    registers_[i].locked = true;
  if (!identity.debug) {
    registers_[0].value = identity.pcr0;
    registers_[1].value = identity.pcr1;
    registers_[2].value = identity.pcr2;
    registers_[8].value = identity.pcr8;
  }
  if (!identity.role_arn.empty()) registers_[3].value = identity_pcr(identity.role_arn);
  registers_[4].value = identity_pcr(identity.instance_id);
}

base::Result<base::Bytes> SoftwareNsm::exchange(base::BytesView request) {
  const auto decoded = nsm::decode_request(request);
  if (!decoded) {
    return nsm::encode_response(nsm::ErrorResponse{nsm::errc_of(decoded.error())});
  }
  const std::scoped_lock lock(mutex_);
  return nsm::encode_response(
      std::visit([this](const auto& typed) { return answer(typed); }, *decoded));
}

nsm::Response SoftwareNsm::answer(const nsm::DescribeNsmRequest&) {
  nsm::DescribeNsmResponse response{.version_major = 1,
                                    .version_minor = 0,
                                    .version_patch = 0,
                                    .module_id = module_id_,
                                    .max_pcrs = kPcrCount,
                                    .locked_pcrs = {},
                                    .digest = nsm::Digest::sha384};
  for (unsigned i = 0; i < kPcrCount; ++i) {
    if (registers_[i].locked) response.locked_pcrs.push_back(static_cast<std::uint16_t>(i));
  }
  return response;
}

nsm::Response SoftwareNsm::answer(const nsm::GetRandomRequest&) {
  nsm::GetRandomResponse response{base::Bytes(nsm::kRandomSize)};
  base::SystemRandom().fill(response.random);
  return response;
}

nsm::Response SoftwareNsm::answer(const nsm::DescribePcrRequest& request) {
  if (request.index >= kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
  const Register& pcr = registers_[request.index];
  return nsm::DescribePcrResponse{pcr.locked, pcr.value};
}

nsm::Response SoftwareNsm::answer(const nsm::ExtendPcrRequest& request) {
  if (request.index >= kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
  Register& pcr = registers_[request.index];
  if (pcr.locked) return nsm::ErrorResponse{nsm::Errc::read_only_index};
  pcr.value = attest::extended_pcr(pcr.value, request.data);
  return nsm::ExtendPcrResponse{pcr.value};
}

nsm::Response SoftwareNsm::answer(const nsm::LockPcrRequest& request) {
  if (request.index >= kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
  Register& pcr = registers_[request.index];
  if (pcr.locked) return nsm::ErrorResponse{nsm::Errc::read_only_index};
  pcr.locked = true;
  return nsm::LockPcrResponse{};
}

nsm::Response SoftwareNsm::answer(const nsm::LockPcrsRequest& request) {
  if (request.range > kPcrCount) return nsm::ErrorResponse{nsm::Errc::invalid_index};
  for (unsigned i = 0; i < request.range; ++i)
    registers_[i].locked = true;
  return nsm::LockPcrsResponse{};
}

nsm::Response SoftwareNsm::answer(const nsm::AttestationRequest& request) {
  for (const auto* field : {&request.user_data, &request.nonce, &request.public_key}) {
    if (*field && (*field)->size() > nsm::kMaxField) {
      return nsm::ErrorResponse{nsm::Errc::input_too_large};
    }
  }
  auto signed_document = document(request);
  // The device has no words for more: what failed inside it is InternalError.
  if (!signed_document) return nsm::ErrorResponse{nsm::Errc::internal_error};
  return nsm::AttestationResponse{*std::move(signed_document)};
}

base::Status SoftwareNsm::ensure_leaf(base::UnixMillis now) {
  if (leaf_.key && leaf_issued_ <= now && now + kLeafReserve < leaf_.not_after) return {};
  CONCORDAT_TRY(leaf_, pki_.issue_leaf(instance_id_, module_id_, now));
  leaf_issued_ = now;
  return {};
}

base::Result<base::Bytes> SoftwareNsm::document(const nsm::AttestationRequest& request) {
  const base::UnixMillis now = clock_();
  CONCORDAT_CHECK(ensure_leaf(now));
  DocumentFields fields;
  fields.module_id = module_id_;
  fields.timestamp = now;
  for (unsigned i = 0; i < kPcrCount; ++i) {
    if (registers_[i].locked) fields.pcrs[static_cast<std::uint8_t>(i)] = registers_[i].value;
  }
  fields.certificate = leaf_.certificate;
  fields.cabundle = leaf_.cabundle;
  fields.public_key = request.public_key;
  fields.user_data = request.user_data;
  fields.nonce = request.nonce;
  return sign_document(encode_payload(fields), leaf_.key.get());
}

}  // namespace concordat::lab
