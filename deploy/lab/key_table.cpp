#include "deploy/lab/key_table.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "attest/base/file.hpp"
#include "attest/base/json.hpp"
#include "attest/base/random.hpp"
#include "attest/base/secret_access.hpp"
#include "deploy/lab/error.hpp"
#include "deploy/lab/root_store.hpp"

namespace concordat::lab {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kMaterialSize = 32;
constexpr std::size_t kMaxDescriptionFile = 256 * 1024;

// RFC 9562 section 5.4: random, version 4, variant 10.
std::string random_uuid() {
  std::array<std::uint8_t, 16> bytes{};
  base::SystemRandom().fill(bytes);
  bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
  std::string text = base::to_hex(bytes);
  for (const std::size_t at : {8, 13, 18, 23})
    text.insert(at, "-");
  return text;
}

std::filesystem::path material_path(const std::filesystem::path& directory, std::string_view id) {
  return directory / (std::string(id) + ".key");
}
std::filesystem::path description_path(const std::filesystem::path& directory,
                                       std::string_view id) {
  return directory / (std::string(id) + ".json");
}

Result<LabGrant> parse_grant(const nlohmann::json& value) {
  CONCORDAT_TRY(auto object, base::JsonObject::from(value, "grants"));
  LabGrant grant;
  CONCORDAT_TRY(grant.id, object.get_text("id"));
  CONCORDAT_TRY(grant.grantee, object.get_text("grantee"));
  CONCORDAT_TRY(grant.operations, object.get_texts("operations"));
  CONCORDAT_CHECK(object.finish());
  return grant;
}

Result<std::vector<LabGrant>> parse_grants(base::JsonObject& description) {
  CONCORDAT_TRY(const nlohmann::json* list, description.get("grants"));
  if (!list->is_array()) return description.bad_value("grants", "want a list");
  std::vector<LabGrant> out;
  for (const nlohmann::json& item : *list) {
    CONCORDAT_TRY(LabGrant grant, parse_grant(item));
    out.push_back(std::move(grant));
  }
  return out;
}

Result<LabKey> parse_description(std::string id, base::BytesView text) {
  CONCORDAT_TRY(const nlohmann::json value, base::parse_strict_json(base::as_text(text)));
  CONCORDAT_TRY(auto object, base::JsonObject::from(value, ""));
  CONCORDAT_TRY(std::string description, object.get_text("description"));
  CONCORDAT_TRY(const std::uint64_t created, object.get_uint("created_ms", 0, INT64_MAX));
  CONCORDAT_TRY(std::string policy_text, object.get_text("policy"));
  CONCORDAT_TRY(std::vector<LabGrant> grants, parse_grants(object));
  CONCORDAT_CHECK(object.finish());
  CONCORDAT_TRY(KeyPolicy policy, KeyPolicy::parse(policy_text));
  return LabKey{
      std::move(id),          std::move(description), {static_cast<std::int64_t>(created)},
      std::move(policy_text), std::move(policy),      {},
      std::move(grants)};
}

}  // namespace

bool LabKey::grants_to(std::string_view principal, std::string_view operation) const {
  return std::ranges::any_of(grants, [&](const LabGrant& grant) {
    return grant.grantee == principal &&
           std::ranges::find(grant.operations, operation) != grant.operations.end();
  });
}

Result<KeyTable> KeyTable::open(const std::filesystem::path& directory) {
  CONCORDAT_CHECK(prepare_private_directory(directory));
  KeyTable table(directory);
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    if (entry.path().extension() == ".json") CONCORDAT_CHECK(table.load(entry.path().stem()));
  }
  if (failed) return Error(LabErrc::bad_state, directory.string() + ": " + failed.message());
  return table;
}

Status KeyTable::load(const std::string& id) {
  const auto path = description_path(directory_, id);
  CONCORDAT_TRY(const base::Bytes text, base::read_file(path, kMaxDescriptionFile));
  auto key = parse_description(id, text);
  if (!key) return Error(LabErrc::bad_state, path.string() + ": " + key.error().to_string());
  CONCORDAT_TRY(key->material,
                base::read_secret_file(material_path(directory_, id), kMaterialSize));
  if (key->material.size() != kMaterialSize) {
    return Error(LabErrc::bad_state, material_path(directory_, id).string() + ": want 32 bytes");
  }
  keys_.emplace(id, std::move(*key));
  return {};
}

Status KeyTable::save_description(const LabKey& key) const {
  nlohmann::json grants = nlohmann::json::array();
  for (const LabGrant& grant : key.grants) {
    grants.push_back(
        {{"id", grant.id}, {"grantee", grant.grantee}, {"operations", grant.operations}});
  }
  const nlohmann::json value{{"description", key.description},
                             {"created_ms", key.created.value},
                             {"policy", key.policy_text},
                             {"grants", std::move(grants)}};
  return base::write_file(description_path(directory_, key.id),
                          base::as_bytes(value.dump(2) + "\n"), S_IRUSR | S_IWUSR);
}

const LabKey* KeyTable::find(std::string_view id) const {
  const auto found = keys_.find(id);
  return found == keys_.end() ? nullptr : &found->second;
}

std::vector<const LabKey*> KeyTable::all() const {
  std::vector<const LabKey*> out;
  for (const auto& [id, key] : keys_)
    out.push_back(&key);
  return out;
}

Result<const LabKey*> KeyTable::create(std::string description, std::string policy_text,
                                       KeyPolicy policy, base::UnixMillis now) {
  LabKey key{
      random_uuid(),          std::move(description), now,
      std::move(policy_text), std::move(policy),      base::SecretBytes::random(kMaterialSize)};
  // The description comes last: without it the key file beside it was never used.
  CONCORDAT_CHECK(base::write_file(material_path(directory_, key.id),
                                   key.material.expose(base::SecretAccess{}), S_IRUSR | S_IWUSR));
  CONCORDAT_CHECK(save_description(key));
  const std::string id = key.id;
  return &keys_.emplace(id, std::move(key)).first->second;
}

Status KeyTable::set_policy(std::string_view id, std::string policy_text, KeyPolicy policy) {
  const auto found = keys_.find(id);
  if (found == keys_.end()) return Error(LabErrc::bad_name, "no key " + std::string(id));
  LabKey& key = found->second;
  std::swap(key.policy_text, policy_text);
  if (auto saved = save_description(key); !saved) {
    std::swap(key.policy_text, policy_text);
    return saved;
  }
  key.policy = std::move(policy);
  return {};
}

Result<std::string> KeyTable::add_grant(std::string_view id, LabGrant grant) {
  const auto found = keys_.find(id);
  if (found == keys_.end()) return Error(LabErrc::bad_name, "no key " + std::string(id));
  LabKey& key = found->second;
  grant.id = random_uuid();
  key.grants.push_back(std::move(grant));
  if (auto saved = save_description(key); !saved) {
    key.grants.pop_back();
    return saved.error();
  }
  return key.grants.back().id;
}

}  // namespace concordat::lab
