// The custodian's answer to one request of one admitted operator. No I/O.
#pragma once

#include <memory>

#include "keyservice/admin_messages.hpp"
#include "keyservice/custodian_status.hpp"
#include "policy/operators.hpp"

namespace concordat::keyservice {

// The records of one response, made one by one as the channel takes them.
class AdminAnswer {
 public:
  virtual ~AdminAnswer() = default;
  // nullopt after the last one or the failure.
  [[nodiscard]] virtual std::optional<base::Bytes> next() = 0;
};

struct ServedAdmin {
  std::string operation;  // empty when not understood
  base::Status outcome;
  std::unique_ptr<AdminAnswer> answer;  // always there: a refusal is answered, too
};

class AdminServer {
 public:
  using StatusSource = std::function<base::Result<CustodianStatus>()>;
  explicit AdminServer(StatusSource status) : status_(std::move(status)) {}

  // `policy`: in force now. The operator was admitted for "admin" under that very one, or is
  // answered not_ready.
  [[nodiscard]] ServedAdmin serve(const policy::Policy& policy, const policy::AdmittedOperator& who,
                                  base::BytesView record) const;

 private:
  [[nodiscard]] base::Result<std::unique_ptr<AdminAnswer>> answer(
      const policy::Policy& policy, const policy::AdmittedOperator& who,
      const AdminRequest& request) const;

  StatusSource status_;
};

}  // namespace concordat::keyservice
