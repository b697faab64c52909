#include "deploy/enclave/agent_listeners.hpp"

#include <grp.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "deploy/enclave/application.hpp"
#include "deploy/enclave/loopback.hpp"

namespace concordat::enclave {
namespace {

using base::Result;
using ListenerPtr = std::unique_ptr<peer::Listener>;

constexpr unsigned kForTheGroup = 0660, kForTheOwner = 0600;

// An owner may give a file to a group that it is a member of: no more than CAP_SETGID is needed,
// which a root that starts its application as another user has. Membership ends here again.
base::Status give_to_application(const std::string& path) {
  const auto fail = [&](const char* step) {
    return base::Error(peer::StreamErrc::cannot_listen,
                       path + ": " + step + ": " + std::strerror(errno));
  };
  const gid_t group = kApplicationUser;
  if (::setgroups(1, &group) != 0) return fail("setgroups");
  const bool given = ::lchown(path.c_str(), static_cast<uid_t>(-1), group) == 0;
  const auto why = given ? base::Status() : fail("chown");
  if (::setgroups(0, nullptr) != 0) return fail("setgroups");
  return why;
}

}  // namespace

Result<ListenerPtr> listen_for_application(boost::asio::io_context& io,
                                           const peer::UnixEndpoint& endpoint) {
  if (::geteuid() != 0) return peer::Listener::open(io, endpoint, {kForTheOwner});
  CONCORDAT_TRY(auto listener, peer::Listener::open(io, endpoint, {kForTheGroup}));
  CONCORDAT_CHECK(give_to_application(endpoint.path));
  return listener;
}

Result<ListenerPtr> listen_on_loopback(boost::asio::io_context& io, const std::string& setting) {
  CONCORDAT_TRY(const peer::TcpEndpoint endpoint, peer::parse_host_port(setting));
  if (!peer::is_loopback(endpoint)) {
    return base::Error(peer::EndpointErrc::bad_host,
                       "setting agent_tcp: '" + setting + "' is not on loopback");
  }
  if (const auto raised = raise_loopback(); !raised) {
    return base::Error(LoopbackErrc::cannot_raise,
                       "setting agent_tcp: " + setting + ": " + raised.error().detail());
  }
  return peer::Listener::open(io, endpoint);
}

}  // namespace concordat::enclave
