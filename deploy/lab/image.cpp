#include "deploy/lab/image.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/eif_sign.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/image_signer.hpp"
#include "deploy/lab/program_closure.hpp"

namespace concordat::lab {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;

// Both stubs are measured into every lab image; changing them changes every PCR0 and PCR1.
constexpr std::string_view kKernelStub =
    "Concordat lab kernel 1: starts the program named by the command line.\n";
constexpr std::string_view kInitStub = "Concordat lab init 1\n";
constexpr std::string_view kInitPath = "init";
#ifdef __aarch64__
constexpr bool kIsAarch64 = true;
#else
constexpr bool kIsAarch64 = false;
#endif
// What the hypervisor itself puts into a root directory.
constexpr std::string_view kReservedFolders[] = {"lab", "dev", "proc", "tmp"};

bool is_argument(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

bool is_reserved(std::string_view path) {
  return std::ranges::any_of(kReservedFolders, [&](std::string_view folder) {
    return path == folder || path.starts_with(std::string(folder) + "/");
  });
}

Result<std::string> command_line(const std::string& program,
                                 const std::vector<std::string>& arguments) {
  std::string line = "/" + program;
  if (!is_argument(line)) return Error(LabErrc::program_unusable, "its name: " + program);
  for (const std::string& argument : arguments) {
    if (!is_argument(argument)) {
      return Error(LabErrc::bad_request, "an argument must be printable ASCII without spaces: '" +
                                             argument + "'; put other text into a --file");
    }
    line += " " + argument;
  }
  return line;
}

base::Status add_files(FileTree& root, const std::vector<PackRequest::File>& files) {
  for (const PackRequest::File& file : files) {
    const std::string path = file.destination.substr(file.destination.starts_with('/') ? 1 : 0);
    if (!is_archive_path(path) || is_reserved(path) || root.contains(path)) {
      return Error(LabErrc::bad_request, "a file cannot go to '" + file.destination +
                                             "': not a path, kept by the lab, or there already");
    }
    CONCORDAT_TRY(Bytes content, base::read_file(file.source, kMaxImageFile));
    std::error_code ignored;  // a file that could be read has permissions
    const auto mode = std::filesystem::status(file.source, ignored).permissions();
    const bool executable =
        (mode & std::filesystem::perms::owner_exec) != std::filesystem::perms::none;
    root[path] = {executable, std::move(content)};
  }
  return {};
}

// nitro-cli's shape. The build time is fixed: it is not measured, but the file is to be the same.
std::string metadata(const std::string& name) {
  nlohmann::ordered_json json;
  json["ImageName"] = name;
  json["ImageVersion"] = "1";
  json["BuildMetadata"] = {{"BuildTime", "1970-01-01T00:00:00Z"},
                           {"BuildTool", "concordat-lab-hypervisor"},
                           {"BuildToolVersion", "1"},
                           {"OperatingSystem", "Linux"},
                           {"KernelVersion", "lab"}};
  json["DockerInfo"] = nlohmann::json::object();
  json["CustomMetadata"] = nlohmann::json::object();
  return json.dump();
}

BytesView section_data(BytesView eif, const attest::EifSection& section) {
  return eif.subspan(section.offset, section.size);
}

std::vector<std::string> split_at_spaces(std::string_view line) {
  std::vector<std::string> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    words.emplace_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

struct Sections {
  std::string_view kernel;
  std::string_view cmdline;
  std::vector<BytesView> ramdisks;
};

Sections take_apart(BytesView eif, const attest::EifImage& image) {
  Sections sections;
  for (const attest::EifSection& section : image.sections) {
    const BytesView data = section_data(eif, section);
    if (section.type == attest::EifSectionType::kernel) sections.kernel = base::as_text(data);
    if (section.type == attest::EifSectionType::cmdline) sections.cmdline = base::as_text(data);
    if (section.type == attest::EifSectionType::ramdisk) sections.ramdisks.push_back(data);
  }
  return sections;
}

// The signature section for an image of these parts.
Result<Bytes> sign(const attest::EifParts& parts, const ImageSigner& signer) {
  CONCORDAT_TRY(const Bytes image, attest::write_eif(parts));
  attest::EifBytes source(image);
  CONCORDAT_TRY(const attest::EifImage read, attest::read_eif(source));
  return attest::sign_eif(read.measurements.pcr0, signer.certificate_pem, signer.key.get());
}

Error not_ours(const std::string& why) {
  return {LabErrc::bad_image, why + "; make images with `concordat-lab-hypervisor pack`"};
}

}  // namespace

Result<Bytes> pack_image(const PackRequest& request) {
  CONCORDAT_TRY(ProgramClosure closure, gather_program(request.program));
  CONCORDAT_CHECK(add_files(closure.files, request.files));
  CONCORDAT_TRY(std::string cmdline, command_line(closure.path, request.arguments));
  const Bytes init =
      write_cpio({{std::string(kInitPath), {true, base::to_bytes(base::as_bytes(kInitStub))}}});
  const Bytes root = write_cpio(closure.files);
  attest::EifParts parts{.kernel = base::as_bytes(kKernelStub),
                         .cmdline = std::move(cmdline),
                         .ramdisks = {init, root},
                         .metadata = metadata(request.program.filename().string()),
                         .signature = {},
                         .is_aarch64 = kIsAarch64};
  if (request.signer == nullptr) return attest::write_eif(parts);
  CONCORDAT_TRY(const Bytes signature, sign(parts, *request.signer));
  parts.signature = signature;
  return attest::write_eif(parts);
}

Result<LabImage> read_image(BytesView eif) {
  attest::EifBytes source(eif);
  CONCORDAT_TRY(const attest::EifImage image, attest::read_eif(source));
  const Sections sections = take_apart(eif, image);
  if (sections.kernel != kKernelStub) return not_ours("its kernel is not the lab's stub");
  if (sections.ramdisks.size() != 2) return not_ours("it has not two ramdisks");
  LabImage out;
  out.measurements = image.measurements;
  out.command = split_at_spaces(sections.cmdline);
  CONCORDAT_TRY(out.root, read_cpio(sections.ramdisks[1]));
  if (!std::ranges::all_of(out.command, is_argument) || out.command.empty() ||
      !out.command[0].starts_with('/') || !out.root.contains(out.command[0].substr(1))) {
    return not_ours("its command line names no program in it");
  }
  if (std::ranges::any_of(out.root, [](const auto& entry) { return is_reserved(entry.first); })) {
    return not_ours("it brings files for a folder that the hypervisor makes");
  }
  out.name = std::filesystem::path(out.command[0]).filename().string();
  return out;
}

}  // namespace concordat::lab
