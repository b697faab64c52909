#include "deploy/lab/error.hpp"

#include <cerrno>
#include <system_error>

namespace concordat::lab {

base::CodeInfo describe(LabErrc code) noexcept {
  switch (code) {
    case LabErrc::bad_state:
      return {"bad_state", "the state directory cannot be used"};
    case LabErrc::bad_name:
      return {"bad_name", "not a usable name"};
    case LabErrc::bad_request:
      return {"bad_request", "the request is not understood"};
    case LabErrc::bad_image:
      return {"bad_image", "not an image that the lab can start"};
    case LabErrc::program_unusable:
      return {"program_unusable", "the program cannot be packed"};
    case LabErrc::already_running:
      return {"already_running", "an enclave of this name is running"};
    case LabErrc::no_such_enclave:
      return {"no_such_enclave", "no enclave of this name is running"};
    case LabErrc::launch_failed:
      return {"launch_failed", "the enclave did not start"};
    case LabErrc::system_call_failed:
      return {"system_call_failed", "the operating system refused"};
    case LabErrc::peer_closed:
      return {"peer_closed", "the other side closed the connection"};
  }
  return {"unknown", "unknown lab error"};
}

base::Error system_error(std::string_view what) {
  const int number = errno;
  return {LabErrc::system_call_failed,
          std::string(what) + ": " + std::generic_category().message(number)};
}

}  // namespace concordat::lab
