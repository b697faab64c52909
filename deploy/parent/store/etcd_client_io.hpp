// Calls to the members of one etcd cluster: one member is asked, and where it cannot be reached or
// has no leader the next, once round. Whoever answered is asked first the next time.
#pragma once

#include "deploy/parent/config.hpp"
#include "deploy/parent/http_io.hpp"

namespace concordat::parent {

class EtcdClient {
 public:
  using Handler = std::function<void(base::Result<std::string>)>;

  // Errors: bad_tls.
  [[nodiscard]] static base::Result<EtcdClient> open(boost::asio::io_context& io,
                                                     const EtcdConfig& config);
  // The body of a 200, once, on `io`. Errors: as etcd::failure says; unreachable, after which a
  // write may have happened.
  void call(const std::string& path, std::string body, Handler handler);

 private:
  struct Members;
  struct Call;
  explicit EtcdClient(std::shared_ptr<Members> members) : members_(std::move(members)) {}
  static void ask(const std::shared_ptr<Call>& call);

  std::shared_ptr<Members> members_;  // calls under way may outlive the client
};

}  // namespace concordat::parent
