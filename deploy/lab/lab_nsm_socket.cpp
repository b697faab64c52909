#include "deploy/lab/lab_nsm_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "deploy/lab/error.hpp"
#include "deploy/lab/unix_socket.hpp"

namespace concordat::lab {
namespace {

constexpr timeval kDriverTimeout{.tv_sec = 120, .tv_usec = 0};  // drivers/misc/nsm.c

}  // namespace

base::Result<std::unique_ptr<LabNsmSocket>> LabNsmSocket::connect(
    const std::filesystem::path& path) {
  CONCORDAT_TRY(base::Descriptor socket, connect_unix(path, Blocking::yes));
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    if (::setsockopt(socket.get(), SOL_SOCKET, option, &kDriverTimeout, sizeof kDriverTimeout) !=
        0) {
      return system_error("setting a time-out");
    }
  }
  return std::unique_ptr<LabNsmSocket>(new LabNsmSocket(std::move(socket)));
}

base::Result<base::Bytes> LabNsmSocket::exchange(base::BytesView request) {
  namespace nsm = attest::nsm;
  if (request.size() > nsm::kMaxRequest) {
    return base::Error(nsm::Errc::input_too_large,
                       std::to_string(request.size()) + " bytes of request, " +
                           std::to_string(nsm::kMaxRequest) + " allowed");
  }
  const std::scoped_lock lock(mutex_);
  if (!socket_.open()) return base::Error(LabErrc::peer_closed, "the NSM's socket");
  auto answer = [&]() -> base::Result<base::Bytes> {
    CONCORDAT_CHECK(send_frame(socket_.get(), request));
    return receive_frame(socket_.get(), nsm::kMaxResponse);
  }();
  // Half an answer may lie in the socket: a later request must not read it.
  if (!answer) socket_.reset();
  return answer;
}

base::Status restrict_lab_nsm(const std::filesystem::path& path) {
  if (::geteuid() != 0) {
    if (::unlink(path.c_str()) != 0) return system_error(path.string());
    return {};
  }
  struct stat status {};
  if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::lstat(path.c_str(), &status) != 0) {
    return system_error(path.string());
  }
  if (S_ISSOCK(status.st_mode) && status.st_uid == 0 && (status.st_mode & 07777) == 0600) return {};
  return base::Error(LabErrc::bad_state, path.string() + ": is not a socket of this root alone");
}

}  // namespace concordat::lab
