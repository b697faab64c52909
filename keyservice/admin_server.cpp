#include "keyservice/admin_server.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Error;
using base::Result;

class OneRecord final : public AdminAnswer {
 public:
  explicit OneRecord(Bytes record) : record_(std::move(record)) {}
  std::optional<Bytes> next() override { return std::exchange(record_, std::nullopt); }

 private:
  std::optional<Bytes> record_;
};

}  // namespace

ServedAdmin AdminServer::serve(const policy::Policy& policy, const policy::AdmittedOperator& who,
                               base::BytesView record) const {
  ServedAdmin served;
  const auto request = decode_admin_request(record);
  if (request) served.operation = request->operation();
  auto made = request ? answer(policy, who, *request)
                      : Result<std::unique_ptr<AdminAnswer>>(request.error());
  if (made) {
    served.answer = *std::move(made);
    return served;
  }
  served.outcome = made.error();
  served.answer =
      std::make_unique<OneRecord>(encode_failure(request_id_of(record), failure_of(made.error())));
  return served;
}

Result<std::unique_ptr<AdminAnswer>> AdminServer::answer(const policy::Policy& policy,
                                                         const policy::AdmittedOperator& who,
                                                         const AdminRequest& request) const {
  // Admission is for one purpose under one policy: neither carries over to another.
  if (who.purpose() != policy::kAdminPurpose) {
    return Error(Errc::not_ready, "the channel is for another purpose");
  }
  if (who.policy_digest() != policy.digest()) {
    return Error(Errc::not_ready, "the channel was made under another policy; dial again");
  }
  CONCORDAT_TRY(const CustodianStatus status, status_());
  return std::unique_ptr<AdminAnswer>(
      std::make_unique<OneRecord>(encode_last(request.id, 1, encode(status))));
}

}  // namespace concordat::keyservice
