// The simulated hypervisor: starts images as enclaves, measures them, attests them, ends them.
#pragma once

#include <deque>

#include "attest/base/log.hpp"
#include "deploy/lab/enclave.hpp"

namespace concordat::lab {

struct HypervisorOptions {
  std::filesystem::path state;                      // mode 0700; keeps the PKI's root
  std::string instance_id = "i-0123456789abcdef0";  // of enclaves that name none
  std::string role_arn;                             // the same; empty: no role
};

struct RunRequest {
  std::filesystem::path image;
  std::string name;
  std::filesystem::path parent_socket;  // empty: the enclave has no way out
  std::string instance_id;              // empty: the hypervisor's
  std::string role_arn;                 // empty: the hypervisor's
  bool debug = false;
};

struct EndedEnclave {
  std::string name;
  std::string id;
  std::string status;  // "exit status 0", "signal 9"
  bool terminated = false;
};

class Hypervisor {
 public:
  // Locks the state directory against a second hypervisor, removes what a former one left of its
  // enclaves, opens the PKI and finds out how far enclaves can be confined, which it logs.
  // `reactor` and `log` outlive it.
  [[nodiscard]] static base::Result<std::unique_ptr<Hypervisor>> open(
      Reactor& reactor, base::Logger& log, const HypervisorOptions& options, Clock clock);

  // Errors: what reading the image says, bad_name, already_running, launch_failed.
  [[nodiscard]] base::Result<const Enclave*> run(const RunRequest& request);
  [[nodiscard]] base::Result<EndedEnclave> terminate(const std::string& name);
  void terminate_all();

  // Running enclaves, in order of their names.
  [[nodiscard]] const std::map<std::string, std::unique_ptr<Enclave>>& enclaves() const noexcept {
    return enclaves_;
  }
  // The latest of that name among the last kMaxEnded that ended; null if there is none.
  [[nodiscard]] const EndedEnclave* find_ended(const std::string& name) const;
  [[nodiscard]] const ConfinementReport& confinement() const noexcept { return confinement_; }
  [[nodiscard]] const Pki& pki() const noexcept { return *pki_; }

  // Called whenever an enclave has ended, by itself or terminated.
  void on_ended(std::function<void(const EndedEnclave&)> observer) {
    observer_ = std::move(observer);
  }

 private:
  static constexpr std::size_t kMaxEnded = 256;

  Hypervisor(Reactor& reactor, base::Logger& log, HypervisorOptions options, Clock clock)
      : reactor_(reactor), log_(log), options_(std::move(options)), clock_(std::move(clock)) {}

  [[nodiscard]] base::Status prepare();
  [[nodiscard]] base::Result<EnclaveSettings> settings_for(const RunRequest& request) const;
  [[nodiscard]] base::Result<unsigned> free_slot() const;
  const EndedEnclave& end(const std::string& name, bool terminated);

  Reactor& reactor_;
  base::Logger& log_;
  HypervisorOptions options_;
  Clock clock_;
  base::Descriptor lock_;
  ConfinementReport confinement_;
  std::unique_ptr<Pki> pki_;
  std::map<std::string, std::unique_ptr<Enclave>> enclaves_;
  std::deque<EndedEnclave> ended_;
  std::function<void(const EndedEnclave&)> observer_;
};

}  // namespace concordat::lab
