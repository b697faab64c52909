#include "deploy/lab/hypervisor.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>

#include "attest/base/file.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/program_closure.hpp"
#include "deploy/lab/remove_tree.hpp"
#include "deploy/lab/root_store.hpp"
#include "peer/relay_preface.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kMaxRoleArn = 2048;

std::filesystem::path run_folder(const std::filesystem::path& state) {
  return state / "run";
}
std::filesystem::path console_folder(const std::filesystem::path& state) {
  return state / "console";
}

// "i-" and 8 or 17 lower-case hex digits, as EC2 has given them.
bool is_instance_id(std::string_view text) {
  return text.starts_with("i-") && (text.size() == 10 || text.size() == 19) &&
         text.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

Status check_identity(const std::string& instance_id, const std::string& role_arn) {
  if (!is_instance_id(instance_id)) {
    return Error(LabErrc::bad_request,
                 "instance id '" + instance_id + "': want i- and 8 or 17 lower-case hex digits");
  }
  if (role_arn.size() > kMaxRoleArn || !is_printable(role_arn)) {
    return Error(LabErrc::bad_request,
                 "the role ARN is too long or has other than printable ASCII");
  }
  return {};
}

Result<base::Descriptor> lock_state(const std::filesystem::path& state) {
  base::Descriptor lock(::open((state / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
  if (!lock.open()) return system_error((state / "lock").string());
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error(LabErrc::bad_state, state.string() + ": another lab hypervisor uses it");
  }
  return lock;
}

Status empty_folder(const std::filesystem::path& folder) {
  if (!remove_tree(folder)) {
    return Error(LabErrc::bad_state, folder.string() + ": cannot be emptied; remove it by hand");
  }
  return prepare_private_directory(folder);
}

}  // namespace

Result<std::unique_ptr<Hypervisor>> Hypervisor::open(Reactor& reactor, base::Logger& log,
                                                     const HypervisorOptions& options,
                                                     Clock clock) {
  CONCORDAT_CHECK(check_identity(options.instance_id, options.role_arn));
  std::unique_ptr<Hypervisor> made(new Hypervisor(reactor, log, options, std::move(clock)));
  std::error_code failed;
  made->options_.state = std::filesystem::absolute(options.state, failed).lexically_normal();
  CONCORDAT_CHECK(made->prepare());
  return made;
}

Status Hypervisor::prepare() {
  ::umask(022);  // an enclave's user has to read what is unpacked for it
  const auto& state = options_.state;
  CONCORDAT_TRY(pki_, Pki::open(state, clock_()));
  CONCORDAT_TRY(lock_, lock_state(state));
  CONCORDAT_CHECK(empty_folder(run_folder(state)));
  CONCORDAT_CHECK(prepare_private_directory(console_folder(state)));
  confinement_ = find_confinement(run_folder(state) / ".try");
  const std::string_view isolation = isolation_of(confinement_.confinement);
  const std::string_view means = name_of(confinement_.confinement);
  if (isolation == "full") {
    log_.info("isolation", {{"isolation", isolation}, {"confinement", means}});
  } else {
    log_.warn("isolation",
              {{"isolation", isolation},
               {"confinement", means},
               {"reason", confinement_.reason},
               {"meaning", "enclaves of this lab are not kept apart from this system"}});
  }
  return {};
}

Result<unsigned> Hypervisor::free_slot() const {
  for (unsigned slot = 0; slot < kMaxSlots; ++slot) {
    if (std::ranges::none_of(enclaves_, [slot](const auto& entry) {
          return entry.second->settings().slot == slot;
        })) {
      return slot;
    }
  }
  return Error(LabErrc::launch_failed, std::to_string(kMaxSlots) + " enclaves run already");
}

Result<EnclaveSettings> Hypervisor::settings_for(const RunRequest& request) const {
  if (!peer::is_enclave_name(request.name)) {
    return Error(LabErrc::bad_name,
                 "'" + request.name + "': want 1 to 63 of a-z, 0-9 and '-', not at the ends");
  }
  if (enclaves_.contains(request.name)) return Error(LabErrc::already_running, request.name);
  EnclaveSettings settings;
  settings.name = request.name;
  settings.paths = {.root = run_folder(options_.state) / request.name,
                    .inbound = run_folder(options_.state) / (request.name + ".sock"),
                    .console = console_folder(options_.state) / (request.name + ".log")};
  settings.identity.instance_id =
      request.instance_id.empty() ? options_.instance_id : request.instance_id;
  settings.identity.role_arn = request.role_arn.empty() ? options_.role_arn : request.role_arn;
  settings.identity.debug = request.debug;
  CONCORDAT_CHECK(check_identity(settings.identity.instance_id, settings.identity.role_arn));
  settings.parent_socket = request.parent_socket;
  settings.confinement = confinement_.confinement;
  CONCORDAT_TRY(settings.slot, free_slot());
  return settings;
}

Result<const Enclave*> Hypervisor::run(const RunRequest& request) {
  CONCORDAT_TRY(EnclaveSettings settings, settings_for(request));
  CONCORDAT_TRY(const base::Bytes bytes, base::read_file(request.image, kMaxImageFile));
  CONCORDAT_TRY(const LabImage image, read_image(bytes));
  CONCORDAT_TRY(auto enclave, Enclave::start(reactor_, *pki_, image, std::move(settings), clock_,
                                             [this](Enclave& gone) {
                                               end(std::string(gone.settings().name), false);
                                             }));
  log_.info("enclave_started", {{"enclave", request.name},
                                {"enclave_id", enclave->id()},
                                {"process", enclave->pid()},
                                {"pcr0", image.measurements.pcr0.hex()}});
  return (enclaves_[request.name] = std::move(enclave)).get();
}

Result<EndedEnclave> Hypervisor::terminate(const std::string& name) {
  if (enclaves_.contains(name)) return end(name, true);
  const EndedEnclave* ended = find_ended(name);
  return Error(LabErrc::no_such_enclave,
               name + (ended == nullptr ? "" : " (ended with " + ended->status + ")"));
}

void Hypervisor::terminate_all() {
  while (!enclaves_.empty())
    end(enclaves_.begin()->first, true);
}

const EndedEnclave& Hypervisor::end(const std::string& name, bool terminated) {
  auto node = enclaves_.extract(name);
  Enclave& enclave = *node.mapped();
  ended_.push_front({node.key(), enclave.id(), enclave.end(), terminated});
  if (ended_.size() > kMaxEnded) ended_.pop_back();
  node.mapped().reset();
  const EndedEnclave& ended = ended_.front();
  log_.info("enclave_ended", {{"enclave", ended.name},
                              {"enclave_id", ended.id},
                              {"status", ended.status},
                              {"terminated", ended.terminated}});
  if (observer_) observer_(ended);
  return ended;
}

const EndedEnclave* Hypervisor::find_ended(const std::string& name) const {
  const auto found = std::ranges::find(ended_, name, &EndedEnclave::name);
  return found == ended_.end() ? nullptr : &*found;
}

}  // namespace concordat::lab
