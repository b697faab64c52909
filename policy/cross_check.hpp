// What no single field of a policy file shows: names that lead nowhere, roots that contradict one
// another, a custodian role that anyone could hold, a key of two offices. Internal to parsing.
#pragma once

#include <map>
#include <optional>

#include "policy/field_reader.hpp"
#include "policy/model.hpp"

namespace concordat::policy {

class CrossCheck {
 public:
  CrossCheck(const Model& model, json::Report& report) : model_(model), report_(report) {}

  // Once all images are read, before any is asked for.
  void index_images();
  // Index of the image; reported when there is none.
  [[nodiscard]] std::optional<std::uint32_t> image(std::string_view name, const json::Path& path);
  // Reported when there is no such role.
  bool role(std::string_view name, const json::Path& path);
  // Reported when there is no such purpose.
  bool purpose(std::string_view name, const json::Path& path);
  // Once everything is read.
  void finish();

 private:
  void check_roots();
  void check_custodians();
  void check_recovery();
  void check_keys();
  void check_administration();
  void check_replication();
  // purpose_misused for each that is no custodian's.
  void want_custodians(const std::vector<std::string>& roles, const char* pointer, const char* why);

  const Model& model_;
  json::Report& report_;
  std::map<std::string_view, std::uint32_t> images_;
};

// The Ed25519 keys that the file gives an office, with the JSON Pointer of each.
struct OfficeKey {
  attest::SignerKey key;
  std::string pointer;
};
[[nodiscard]] std::vector<OfficeKey> office_keys(const Model& model);

// The first office whose key is a signer's of `authority`: a signature for one office must not
// serve in another.
[[nodiscard]] std::optional<OfficeKey> signer_in_office(
    const Model& model, const attest::AuthorityDescriptor& authority);

}  // namespace concordat::policy
