// The keys of the local KMS: in memory, and in a directory that only its owner can read. A key is
// two files, ID.key (32 bytes) and ID.json (description, time, policy, grants).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "attest/base/clock.hpp"
#include "attest/base/secret.hpp"
#include "deploy/lab/key_policy.hpp"

namespace concordat::lab {

struct LabGrant {
  std::string id;
  std::string grantee;                  // ARN of a principal
  std::vector<std::string> operations;  // "Decrypt"
};

struct LabKey {
  std::string id;  // UUID
  std::string description;
  base::UnixMillis created;
  std::string policy_text;  // as it was set
  KeyPolicy policy;
  base::SecretBytes material;  // 32 bytes
  std::vector<LabGrant> grants = {};

  [[nodiscard]] bool grants_to(std::string_view principal, std::string_view operation) const;
};

class KeyTable {
 public:
  // Makes the directory (mode 0700), or loads what is there. A damaged file is an error that names
  // it: a key must not vanish quietly.
  [[nodiscard]] static base::Result<KeyTable> open(const std::filesystem::path& directory);

  // nullptr: no such key. Pointers stay valid as long as the table.
  [[nodiscard]] const LabKey* find(std::string_view id) const;
  [[nodiscard]] std::vector<const LabKey*> all() const;

  // These write before they change anything in memory.
  [[nodiscard]] base::Result<const LabKey*> create(std::string description, std::string policy_text,
                                                   KeyPolicy policy, base::UnixMillis now);
  [[nodiscard]] base::Status set_policy(std::string_view id, std::string policy_text,
                                        KeyPolicy policy);
  // Gives the grant an id and returns it.
  [[nodiscard]] base::Result<std::string> add_grant(std::string_view id, LabGrant grant);

 private:
  explicit KeyTable(std::filesystem::path directory) : directory_(std::move(directory)) {}
  [[nodiscard]] base::Status load(const std::string& id);
  [[nodiscard]] base::Status save_description(const LabKey& key) const;

  std::filesystem::path directory_;
  std::map<std::string, LabKey, std::less<>> keys_;
};

}  // namespace concordat::lab
