// Writes a log of two boots into a folder, with the root under which its documents verify and the
// authority that it is under, for a test that checks it with other means.
#include <filesystem>
#include <iostream>

#include "attest/base/file.hpp"
#include "tests/audit/log_fixture.hpp"

namespace {

using namespace concordat;

void write(const std::filesystem::path& path, base::BytesView content) {
  std::filesystem::create_directories(path.parent_path());
  const base::Status written = base::write_file(path, content);
  if (!written) throw std::runtime_error(written.error().to_string());
}

void append(test::AuditWorld::Boot& boot, const test::AuditWorld::Admission& what) {
  const auto index = test::AuditWorld::append(boot, what.event, what.evidence);
  if (!index) throw std::runtime_error(index.error().to_string());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: audit_export FOLDER ENTRIES\n";
    return 1;
  }
  const std::filesystem::path folder = argv[1];
  const std::uint64_t entries = std::stoull(argv[2]);
  test::AuditWorld world;
  test::SharedFiles shared;
  for (std::uint8_t number = 1; number <= 2; ++number) {
    const auto boot = world.opened(shared, number);
    append(*boot, world.admission());
    while (boot->log->head().size < number * entries / 2)
      append(*boot, {world.use(boot->log->head().size), {}});
  }
  for (const auto& [name, content] : test::exported(shared.files))
    write(folder / "log" / name, content);
  write(folder / "root.der", world.claims.pki().root_der());
  write(folder / "authority.cbor", world.authority.descriptor().encoded());
  std::cout << keyservice::audit::NoteVerifier::create(test::kOrigin,
                                                       keyservice::audit::NoteKeyType::ed25519,
                                                       world.log_key.public_key())
                   .value()
                   .encode()
            << "\n";
  return 0;
}
