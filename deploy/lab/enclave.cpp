#include "deploy/lab/enclave.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "deploy/lab/error.hpp"
#include "deploy/lab/lab_nsm_socket.hpp"
#include "deploy/lab/pipe.hpp"
#include "deploy/lab/remove_tree.hpp"
#include "deploy/lab/unix_socket.hpp"

namespace concordat::lab {
namespace {

using base::Descriptor;
using base::Result;
using base::Status;

// nitro-cli gives the first enclave 16; below are the reserved ones.
constexpr unsigned kFirstContextId = 16;

// No fsync: after a crash of the machine the enclave is gone anyway.
Status write_new_file(const std::filesystem::path& path, base::BytesView content, mode_t mode) {
  const Descriptor file(
      ::open(path.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!file.open()) return system_error(path.string());
  while (!content.empty()) {
    const ssize_t n = ::write(file.get(), content.data(), content.size());
    if (n < 0) return system_error(path.string());
    content = content.subspan(static_cast<std::size_t>(n));
  }
  // The mode that the umask may have narrowed.
  if (::fchmod(file.get(), mode) != 0) return system_error(path.string());
  return {};
}

Status make_folders(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed)
    return base::Error(LabErrc::system_call_failed, folder.string() + ": " + failed.message());
  return {};
}

Status write_tree(const std::filesystem::path& root, const FileTree& files) {
  for (const auto& [path, file] : files) {
    const auto target = root / path;
    CONCORDAT_CHECK(make_folders(target.parent_path()));
    CONCORDAT_CHECK(write_new_file(target, file.content, file.executable ? 0755 : 0644));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Enclave>> Enclave::start(Reactor& reactor, Pki& pki, const LabImage& image,
                                                EnclaveSettings settings, Clock clock,
                                                std::function<void(Enclave&)> ended) {
  settings.identity.pcr0 = image.measurements.pcr0;
  settings.identity.pcr1 = image.measurements.pcr1;
  settings.identity.pcr2 = image.measurements.pcr2;
  settings.identity.pcr8 = image.measurements.pcr8.value_or(attest::PcrValue());
  std::unique_ptr<Enclave> enclave(new Enclave(reactor, std::move(settings), image));
  enclave->nsm_ = std::make_unique<SoftwareNsm>(pki, enclave->settings_.identity, std::move(clock));
  CONCORDAT_CHECK(enclave->unpack(image.root, pki.root_der()));
  CONCORDAT_CHECK(enclave->open_sockets());
  CONCORDAT_CHECK(enclave->launch_program(image.command));
  reactor.watch(enclave->process_.handle.get(), POLLIN,
                [self = enclave.get(), ended = std::move(ended)](short) { ended(*self); });
  return enclave;
}

Enclave::~Enclave() {
  [[maybe_unused]] const std::string status = end();
  nsm_server_.reset();
  outbound_.reset();
  inbound_.reset();
  // Should something stay, the next hypervisor's start removes it or says that it cannot.
  [[maybe_unused]] bool gone = remove_tree(settings_.paths.root);
  gone = remove_tree(settings_.paths.inbound);
}

std::string Enclave::end() {
  if (!process_.handle.open()) return {};
  reactor_.forget(process_.handle.get());
  kill_enclave(process_, settings_.confinement);
  std::string status = collect(process_);
  process_.handle.reset();
  return status;
}

Status Enclave::unpack(const FileTree& files, const base::Bytes& root_certificate) {
  const auto& root = settings_.paths.root;
  CONCORDAT_CHECK(make_root_folder(root, outside_user(settings_.slot)));
  CONCORDAT_CHECK(write_tree(root, files));
  return write_new_file(root / kRootCertificate, root_certificate, 0644);
}

// A socket in the enclave's lab folder that belongs to the enclave's user, who may close it to
// others of its processes as a real agent closes /dev/nsm.
Result<Descriptor> Enclave::listen_inside(const char* path) const {
  const auto place = settings_.paths.root / path;
  CONCORDAT_TRY(Descriptor listener, listen_unix(place));
  const uid_t owner = outside_user(settings_.slot);
  if (::lchown(place.c_str(), owner, owner == ::geteuid() ? ::getegid() : owner) != 0) {
    return system_error(place.string());
  }
  return listener;
}

Status Enclave::open_sockets() {
  CONCORDAT_TRY(Descriptor nsm, listen_inside(kNsmSocket));
  nsm_server_ = std::make_unique<NsmServer>(reactor_, std::move(nsm), *nsm_);
  if (!settings_.parent_socket.empty()) {
    CONCORDAT_TRY(Descriptor parent, listen_inside(kParentSocket));
    outbound_ = std::make_unique<Forwarder>(
        reactor_, std::move(parent),
        [path = settings_.parent_socket] { return connect_unix(path, Blocking::no); });
  }
  CONCORDAT_TRY(Descriptor inbound, listen_unix(settings_.paths.inbound));
  const std::filesystem::path inside(kInboundSocket);
  inbound_ = std::make_unique<Forwarder>(
      reactor_, std::move(inbound),
      [folder = settings_.paths.root / inside.parent_path(), name = inside.filename().string()] {
        return connect_within(folder, name);
      });
  return {};
}

Status Enclave::launch_program(const std::vector<std::string>& command) {
  CONCORDAT_TRY(Pipe console, make_pipe());
  CONCORDAT_TRY(console_,
                ConsoleLog::open(reactor_, std::move(console.read), settings_.paths.console));
  CONCORDAT_TRY(process_, launch({.confinement = settings_.confinement,
                                  .root = settings_.paths.root,
                                  .command = command,
                                  .slot = settings_.slot,
                                  .console = console.write.get()}));
  return {};
}

nlohmann::ordered_json Enclave::describe() const {
  nlohmann::ordered_json measurements{{"HashAlgorithm", "Sha384 { ... }"},
                                      {"PCR0", measurements_.pcr0.hex()},
                                      {"PCR1", measurements_.pcr1.hex()},
                                      {"PCR2", measurements_.pcr2.hex()}};
  if (measurements_.pcr8) measurements["PCR8"] = measurements_.pcr8->hex();
  return {{"EnclaveName", settings_.name},
          {"EnclaveID", id()},
          {"ProcessID", pid()},
          {"EnclaveCID", kFirstContextId + settings_.slot},
          {"State", "RUNNING"},
          {"Flags", settings_.identity.debug ? "DEBUG_MODE" : "NONE"},
          {"Measurements", std::move(measurements)},
          {"ImageName", image_name_},
          {"Isolation", isolation_of(settings_.confinement)},
          {"InboundSocket", settings_.paths.inbound.string()},
          {"Console", settings_.paths.console.string()}};
}

}  // namespace concordat::lab
