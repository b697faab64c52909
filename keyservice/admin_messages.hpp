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
// may be interleaved, and come in any order. What the items mean is the operation's:
//
//   status                                           last: one map (custodian_status.hpp)
//   list         pattern                             parts: key...       last: how many keys
//   describe     name                                parts: version...   last: key
//   create       name, type, exportable              last: key
//   import       name, type, exportable, newest, format, material (bstr)   last: key
//   rotate       name, newest, implicit              last: key
//   disable      name, version, implicit             last: key
//   enable       name, version, implicit             last: key
//   destroy      name, version, implicit             last: key
//   set-minimum  name, minimum, implicit             last: key
//   rewrap       associated (bstr), envelope (bstr)  last: key name, version, envelope (bstr)
//   adopt        name                                last: key
//   root-status                                      last: status (root_status.hpp)
//   root-make       challenge (bstr)                 last: genesis document (bstr)
//   root-take-over  generation                       last: the generation that seals now
//   root-implicit   generation                       last: the same
//   root-retire     generation                       last: the same
//   recovery-make        order (bstr)                last: package (bstr)
//   recovery-attest      challenge (bstr), anew      last: document (bstr)
//   recovery-start       order (bstr), set (bstr)    last: status
//   recovery-contribute  contribution (bstr)         last: status
//   recovery-status                                  last: status
//
// Keys and versions as in admin_keys.hpp, numbers as in key_types.hpp; a version of 0 is the whole
// key. `newest`: the newest version that the operator saw; where it is another one, nothing is
// done, so that a request which is repeated is carried out once. `implicit`: whether it may be of
// a name that has no record and stands for a derived key; not so, key_unknown, because a mistyped
// name would be one. `adopt`: of such a name, which becomes a record as it is. root-implicit: names
// without a record stand for derived keys of `generation` from now on, which must be the one that
// seals: other bytes than before. root-retire changes nothing: it is refused (generation_needed)
// while anything that this custodian knows of leans on the generation; then the policy can do
// without. Recovery: recovery/set.hpp, evidence.hpp, contribution.hpp, status.hpp of that
// folder; `anew` gives up shares that are being collected. A request with material is encoded and
// decoded in guarded memory only.
#pragma once

#include <functional>
#include <optional>
#include <variant>

#include "keyservice/keyring/key_types.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice {

struct StatusRequest {};
struct ListKeysRequest {
  std::string pattern = "*";  // policy/key_pattern.hpp
};
struct DescribeKeyRequest {
  std::string name;
};
struct CreateKeyRequest {
  std::string name;
  KeyType type = KeyType::derived;
  bool exportable = false;
};
// The numbers travel.
enum class KeyFormat : std::uint8_t { raw = 1, pkcs8 };
// `newest_version` 0: a new key; otherwise the next version of that one.
struct ImportKeyRequest {
  std::string name;
  KeyType type = KeyType::aes256;
  bool exportable = false;  // of a new key
  std::uint32_t newest_version = 0;
  KeyFormat format = KeyFormat::raw;
  base::SecretBytes material;
};
struct RotateKeyRequest {
  std::string name;
  std::uint32_t newest_version = 0;
  bool implicit = false;
};
// Operations "disable", "enable" and "destroy".
struct SetKeyStateRequest {
  VersionState state = VersionState::disabled;
  std::string name;
  std::uint32_t version = 0;
  bool implicit = false;
};
struct SetMinimumVersionRequest {
  std::string name;
  std::uint32_t minimum = 0;
  bool implicit = false;
};
struct RewrapRequest {
  base::Bytes associated;
  base::Bytes envelope;
};
struct AdoptKeyRequest {
  std::string name;
};
struct RootStatusRequest {};
struct MakeRootRequest {
  base::Bytes challenge;
};
struct TakeOverRequest {
  std::uint32_t generation = 0;
};
struct MoveImplicitRequest {
  std::uint32_t generation = 0;
};
struct RetireRootRequest {
  std::uint32_t generation = 0;
};
struct MakeRecoverySetRequest {
  base::Bytes order;
};
struct AttestRestoringRequest {
  base::Bytes challenge;
  bool anew = false;
};
struct StartRestoringRequest {
  base::Bytes order;
  base::Bytes set;
};
struct ContributeShareRequest {
  base::Bytes contribution;
};
struct RestoringStatusRequest {};
using AdminBody =
    std::variant<StatusRequest, ListKeysRequest, DescribeKeyRequest, CreateKeyRequest,
                 ImportKeyRequest, RotateKeyRequest, SetKeyStateRequest, SetMinimumVersionRequest,
                 RewrapRequest, MakeRecoverySetRequest, AttestRestoringRequest,
                 StartRestoringRequest, ContributeShareRequest, RestoringStatusRequest,
                 AdoptKeyRequest, RootStatusRequest, MakeRootRequest, TakeOverRequest,
                 MoveImplicitRequest, RetireRootRequest>;

struct AdminRequest {
  std::uint64_t id = 0;
  AdminBody body;

  [[nodiscard]] std::string_view operation() const noexcept;
  // The key or the pattern that it names; empty where it names none.
  [[nodiscard]] const std::string& key_name() const noexcept;
};
[[nodiscard]] base::SecretBytes encode(const AdminRequest& request);
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
