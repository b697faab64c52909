// `concordat-lab-hypervisor`: plays Nitro on an ordinary Linux machine.
#include <csignal>
#include <iostream>
#include <nlohmann/json.hpp>

#include <sys/signalfd.h>

#include "attest/base/file.hpp"
#include "deploy/command_line/command_line.hpp"
#include "deploy/lab/control.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/image_signer.hpp"

namespace concordat::lab {
namespace {

using command_line::Command;
using nlohmann::ordered_json;

constexpr int kDone = 0;
constexpr int kUsageOrIo = 1;
constexpr int kRefused = 2;

int fail(const base::Error& error) {
  std::cerr << "concordat-lab-hypervisor: " << error.to_string() << "\n";
  return kUsageOrIo;
}

struct PackOptions {
  std::string program;
  std::vector<std::string> arguments;
  std::vector<std::string> files;
  std::string certificate;
  std::string private_key;
  std::string out;
};

int pack(const PackOptions& options) {
  PackRequest request;
  request.program = options.program;
  request.arguments = options.arguments;
  for (const std::string& file : options.files) {
    const std::size_t equals = file.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == file.size()) {
      return fail(base::Error(LabErrc::bad_request, "--file " + file + ": want DEST=SRC"));
    }
    request.files.push_back({file.substr(0, equals), file.substr(equals + 1)});
  }
  ImageSigner signer;
  if (!options.certificate.empty()) {
    auto read = read_image_signer(options.certificate, options.private_key);
    if (!read) return fail(read.error());
    signer = *std::move(read);
    request.signer = &signer;
  }
  const auto image = pack_image(request);
  if (!image) return fail(image.error());
  const base::Status written = base::write_file(options.out, *image);
  return written ? kDone : fail(written.error());
}

base::Result<base::Descriptor> catch_signals() {
  sigset_t caught;
  sigemptyset(&caught);
  for (const int number : {SIGINT, SIGTERM, SIGHUP})
    sigaddset(&caught, number);
  if (::sigprocmask(SIG_BLOCK, &caught, nullptr) != 0) return system_error("blocking signals");
  base::Descriptor signals(::signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals.open()) return system_error("signalfd");
  return signals;
}

// For people and scripts; the log says the same.
void print_isolation(const ConfinementReport& report) {
  std::cout << "isolation: " << isolation_of(report.confinement);
  if (!report.reason.empty()) std::cout << " (" << report.reason << ")";
  std::cout << std::endl;
}

base::Status serve_until_signal(const HypervisorOptions& options) {
  base::Logger log("concordat-lab-hypervisor");
  Reactor reactor;
  CONCORDAT_TRY(const base::Descriptor signals, catch_signals());
  reactor.watch(signals.get(), POLLIN, [&reactor](short) { reactor.stop(); });
  CONCORDAT_TRY(auto hypervisor, Hypervisor::open(reactor, log, options, base::system_wall_clock));
  print_isolation(hypervisor->confinement());
  // Last: who finds the socket finds a hypervisor that serves.
  CONCORDAT_TRY(auto control, ControlServer::listen(reactor, *hypervisor, options.state));
  log.info("hypervisor_ready",
           {{"state", options.state.string()},
            {"isolation", isolation_of(hypervisor->confinement().confinement)}});
  CONCORDAT_CHECK(reactor.run());
  hypervisor->terminate_all();
  return {};
}

int serve(const HypervisorOptions& options) {
  const base::Status hardened = base::harden_process();  // this process holds the lab's keys
  if (!hardened) return fail(hardened.error());
  const base::Status served = serve_until_signal(options);
  return served ? kDone : fail(served.error());
}

int ask(const std::filesystem::path& state, const ordered_json& request) {
  const auto answer = ask_hypervisor(state, request);
  if (!answer) return fail(answer.error());
  if (answer->ok) {
    std::cout << answer->text << "\n";
    return kDone;
  }
  std::cerr << "concordat-lab-hypervisor: " << answer->text << "\n";
  return answer->refused ? kRefused : kUsageOrIo;
}

struct RunOptions {
  std::string image;
  std::string name;
  std::string parent_socket;
  std::string instance_id;
  std::string role_arn;
  bool debug = false;
};

int run(const std::filesystem::path& state, const RunOptions& options) {
  ordered_json request{{"command", "run"},
                       // The hypervisor may have been started in another folder.
                       {"image", std::filesystem::absolute(options.image).string()},
                       {"name", options.name},
                       {"debug", options.debug}};
  if (!options.parent_socket.empty()) {
    request["parent_socket"] = std::filesystem::absolute(options.parent_socket).string();
  }
  if (!options.instance_id.empty()) request["instance_id"] = options.instance_id;
  if (!options.role_arn.empty()) request["role_arn"] = options.role_arn;
  return ask(state, request);
}

// Everything that the command line fills in.
struct CommandLine {
  PackOptions pack;
  HypervisorOptions serve;
  RunOptions run;
  std::string state;
  std::string name;
  int status = kDone;
};

void add_state(Command command, std::string& state) {
  command.add_option("--state", state, "The serving hypervisor's state directory").required();
}

void add_pack(Command app, CommandLine& line) {
  const Command command = app.add_subcommand("pack", "Make an image file of a program");
  command.add_option("program", line.pack.program, "An ELF program").required();
  command.add_option("arguments", line.pack.arguments,
                     "The program's arguments, after --; they are measured");
  command.add_option("--file", line.pack.files, "A further file: path in the image=path here")
      .type_name("DEST=SRC")
      .one_value_each();  // or the "--" after the last would end its values and nothing else
  const auto certificate = command.add_option("--signing-certificate", line.pack.certificate,
                                              "Certificate (PEM) of who signs the image (PCR8)");
  const auto key = command.add_option("--private-key", line.pack.private_key,
                                      "Its key (PEM), on P-256, P-384 or P-521");
  certificate.needs(key);
  key.needs(certificate);
  command.add_option("--out", line.pack.out, "Where the image goes").required();
  command.footer(
      "The same inputs give the same PCRs, which `concordat measure` prints, and without a\n"
      "signature the same image.\n\n"
      "Examples:\n"
      "  concordat-lab-hypervisor pack build/release/bin/concordat-worker-lab --out worker.eif\n"
      "  concordat-lab-hypervisor pack app --file etc/app.json=app.json --out app.eif -- --quiet\n"
      "  concordat-lab-hypervisor pack app --signing-certificate release.pem \\\n"
      "    --private-key release.key --out app.eif");
  command.callback([&line] { line.status = pack(line.pack); });
}

void add_serve(Command app, CommandLine& line) {
  const Command command = app.add_subcommand("serve", "Be the hypervisor, until SIGTERM or SIGINT");
  command
      .add_option("--state", line.state,
                  "Directory for the lab's root key, sockets and consoles; made if missing, "
                  "mode 0700")
      .required();
  command
      .add_option("--instance-id", line.serve.instance_id,
                  "Instance of enclaves that name none (PCR4)")
      .capture_default_str();
  command.add_option("--role-arn", line.serve.role_arn,
                     "Role of enclaves that name none (PCR3); none: PCR3 is zero");
  command.footer(
      "Ready when STATE/control.sock exists. Prints \"isolation: full\" or \"isolation: partial\"\n"
      "with the reason.\n"
      "The lab's root certificate is STATE/root.der.\n\n"
      "Examples:\n"
      "  concordat-lab-hypervisor serve --state /tmp/lab");
  command.callback([&line] {
    line.serve.state = line.state;
    line.status = serve(line.serve);
  });
}

void add_run(Command app, CommandLine& line) {
  const Command command = app.add_subcommand("run", "Start an enclave from an image");
  add_state(command, line.state);
  command.add_option("image", line.run.image, "An image file made by `pack`").required();
  command.add_option("--name", line.run.name, "a-z, 0-9 and '-'").required();
  command.add_option("--parent-socket", line.run.parent_socket,
                     "Unix socket of the parent's relay; lab/parent.sock in the enclave leads "
                     "there");
  command.add_option("--instance-id", line.run.instance_id, "Instance of the parent (PCR4)");
  command.add_option("--role-arn", line.run.role_arn, "IAM role of the parent (PCR3)");
  command.add_flag("--debug", line.run.debug, "Zero PCR0, 1, 2 and 8: nobody will trust it");
  command.footer(
      "Prints what `describe` prints of it. Exit status 2: the image is not acceptable.\n\n"
      "Examples:\n"
      "  concordat-lab-hypervisor run worker.eif --name worker-a --state /tmp/lab \\\n"
      "    --parent-socket /tmp/lab-parent/relay.sock");
  command.callback([&line] { line.status = run(line.state, line.run); });
}

void add_named(Command app, CommandLine& line, const char* verb, const char* what,
               const char* example) {
  const Command command = app.add_subcommand(verb, what);
  add_state(command, line.state);
  command.add_option("name", line.name, "The enclave's name").required();
  command.footer(std::string("Examples:\n  concordat-lab-hypervisor ") + example);
  command.callback([&line, verb] {
    line.status = ask(line.state, {{"command", verb}, {"name", line.name}});
  });
}

void add_describe(Command app, CommandLine& line) {
  const Command command =
      app.add_subcommand("describe", "List the running enclaves, as nitro-cli does");
  add_state(command, line.state);
  command.footer("Examples:\n  concordat-lab-hypervisor describe --state /tmp/lab");
  command.callback([&line] { line.status = ask(line.state, {{"command", "describe"}}); });
}

int main_with_arguments(int argc, char** argv) {
  const command_line::Program program(
      "Starts programs as simulated Nitro enclaves: measured, attested, confined.");
  const Command app = program.command();
  CommandLine line;
  app.require_subcommand();
  app.footer("Exit status: 0 done, 1 usage or input/output, 2 the image was refused.");
  add_pack(app, line);
  add_serve(app, line);
  add_run(app, line);
  add_named(app, line, "terminate", "End an enclave", "terminate worker-a --state /tmp/lab");
  add_named(app, line, "wait", "Wait until an enclave has ended and say how",
            "wait worker-a --state /tmp/lab");
  add_describe(app, line);
  return program.parse(argc, argv, std::cout, std::cerr).value_or(line.status);
}

}  // namespace
}  // namespace concordat::lab

int main(int argc, char** argv) {
  return concordat::lab::main_with_arguments(argc, argv);
}
