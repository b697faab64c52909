#include "deploy/lab/kms_service_error.hpp"

namespace concordat::lab {

base::CodeInfo describe(ServiceErrc code) noexcept {
  switch (code) {
    case ServiceErrc::access_denied:
      return {"AccessDeniedException", "access is denied"};
    case ServiceErrc::incorrect_key:
      return {"IncorrectKeyException",
              "The key ID in the request does not identify the key that encrypted the ciphertext"};
    case ServiceErrc::invalid_ciphertext:
      return {"InvalidCiphertextException", "the ciphertext cannot be opened"};
    case ServiceErrc::malformed_policy:
      return {"MalformedPolicyDocumentException", "the policy document is malformed"};
    case ServiceErrc::not_found:
      return {"NotFoundException", "the key does not exist"};
    case ServiceErrc::validation:
      return {"ValidationException", "the request is not valid"};
    case ServiceErrc::serialization:
      return {"SerializationException", "the request's body is not a JSON object"};
    case ServiceErrc::throttling:
      return {"ThrottlingException", "Rate exceeded"};
    case ServiceErrc::internal:
      return {"KMSInternalException", "internal error"};
    case ServiceErrc::unknown_operation:
      return {"UnknownOperationException", "the operation is not known"};
    case ServiceErrc::missing_authentication_token:
      return {"MissingAuthenticationTokenException", "the request is not signed"};
    case ServiceErrc::incomplete_signature:
      return {"IncompleteSignatureException", "the signature is incomplete"};
    case ServiceErrc::unrecognized_client:
      return {"UnrecognizedClientException", "the access key is not known"};
    case ServiceErrc::invalid_signature:
      return {"InvalidSignatureException", "the signature is not valid"};
  }
  return {"unknown", "unknown KMS service error"};
}

ServiceAnswer service_answer(const base::Error& error) {
  const bool ours = &error.code().category() == &base::enum_category<ServiceErrc>();
  if (!ours || error.is(ServiceErrc::internal)) {
    return {500, "KMSInternalException", error.to_string()};
  }
  return {400, std::string(error.name()), error.to_string()};
}

}  // namespace concordat::lab
