// One running lab enclave with all that belongs to it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "deploy/lab/console_log.hpp"
#include "deploy/lab/forwarder.hpp"
#include "deploy/lab/image.hpp"
#include "deploy/lab/launcher.hpp"
#include "deploy/lab/nsm_server.hpp"
#include "deploy/lab/software_nsm.hpp"

namespace concordat::lab {

// Where an enclave keeps what, below the hypervisor's state directory.
struct EnclavePaths {
  std::filesystem::path root;     // run/NAME: its root directory
  std::filesystem::path inbound;  // run/NAME.sock: whoever connects reaches lab/inbound.sock
  std::filesystem::path console;  // console/NAME.log
};

struct EnclaveSettings {
  std::string name;  // a DNS label, as the relay's targets are
  EnclavePaths paths;
  EnclaveIdentity identity;             // registers but for the image's, which the image gives
  std::filesystem::path parent_socket;  // empty: none; lab/parent.sock then does not exist
  unsigned slot = 0;                    // which outside user it runs as
  Confinement confinement = Confinement::none;
};

// Starting it unpacks the image, opens its sockets, launches the program; destroying it kills the
// program, if it still runs, and removes all but the console's log.
class Enclave {
 public:
  // `reactor` and `pki` outlive it; `ended` is called once, from the reactor, when the program has
  // ended by itself, and may destroy the enclave.
  [[nodiscard]] static base::Result<std::unique_ptr<Enclave>> start(
      Reactor& reactor, Pki& pki, const LabImage& image, EnclaveSettings settings, Clock clock,
      std::function<void(Enclave&)> ended);
  ~Enclave();
  Enclave(const Enclave&) = delete;
  Enclave& operator=(const Enclave&) = delete;

  [[nodiscard]] const EnclaveSettings& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::string& id() const noexcept { return nsm_->module_id(); }
  [[nodiscard]] pid_t pid() const noexcept { return process_.pid; }
  // Kills the program where it runs and says how it ended: "exit status 0", "signal 9".
  [[nodiscard]] std::string end();
  // As nitro-cli describes a running enclave, with what the lab adds.
  [[nodiscard]] nlohmann::ordered_json describe() const;

 private:
  Enclave(Reactor& reactor, EnclaveSettings settings, const LabImage& image)
      : reactor_(reactor),
        settings_(std::move(settings)),
        image_name_(image.name),
        measurements_(image.measurements) {}

  [[nodiscard]] base::Status unpack(const FileTree& files, const base::Bytes& root_certificate);
  [[nodiscard]] base::Status open_sockets();
  [[nodiscard]] base::Result<base::Descriptor> listen_inside(const char* path) const;
  [[nodiscard]] base::Status launch_program(const std::vector<std::string>& command);

  Reactor& reactor_;
  EnclaveSettings settings_;
  std::string image_name_;
  attest::EifMeasurements measurements_;
  std::unique_ptr<SoftwareNsm> nsm_;
  std::unique_ptr<NsmServer> nsm_server_;
  std::unique_ptr<Forwarder> outbound_;
  std::unique_ptr<Forwarder> inbound_;
  std::unique_ptr<ConsoleLog> console_;
  EnclaveProcess process_;
};

}  // namespace concordat::lab
