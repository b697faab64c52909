#include "policy/measurements.hpp"

#include "policy/field_reader.hpp"

namespace concordat::policy {
namespace {

using json::Kind;
using json::Value;

base::Error refuse(std::string_view text, const Value& at, PolicyErrc code, std::string pointer,
                   std::string message) {
  Finding finding{Severity::error, code, std::move(pointer), 0, 0, std::move(message)};
  json::locate(text, at.offset, finding);
  return finding.to_error();
}

base::Result<PcrValue> read_register(std::string_view text, const Value& measurements,
                                     const std::string& key) {
  const std::string pointer = "/Measurements/" + key;
  const Value* const value = measurements.find(key);
  if (value == nullptr) {
    return refuse(text, measurements, PolicyErrc::missing_key, pointer, "the register is missing");
  }
  const auto pcr = PcrValue::from_hex(value->text);
  if (value->kind != Kind::text || !pcr) {
    return refuse(text, *value, PolicyErrc::bad_value, pointer, "want 96 hexadecimal digits");
  }
  if (pcr->is_zero()) {
    return refuse(text, *value, PolicyErrc::weak_pin, pointer,
                  "all zero: of an enclave in debug mode, no identity");
  }
  return *pcr;
}

}  // namespace

base::Result<Measurements> read_measurements(std::string_view text) {
  // Build tools append whole Docker descriptions to it.
  constexpr unsigned kDepth = 32;
  const json::Parsed parsed = json::parse(text, {limits::kPolicyBytes, kDepth, limits::kValues});
  if (!parsed.root) return parsed.why.to_error();
  const Value* root = &*parsed.root;
  if (root->kind == Kind::array) {
    if (root->items.size() != 1) {
      return refuse(text, *root, PolicyErrc::bad_value, "",
                    "want the measurements of one enclave, found " +
                        std::to_string(root->items.size()) + " in a list");
    }
    root = &root->items[0];
  }
  const Value* const measurements = root->find("Measurements");
  if (measurements == nullptr || measurements->kind != Kind::object) {
    return refuse(text, *root, PolicyErrc::missing_key, "/Measurements",
                  "want what nitro-cli or `concordat measure` prints");
  }
  Measurements out;
  CONCORDAT_TRY(out.pcr0, read_register(text, *measurements, "PCR0"));
  CONCORDAT_TRY(out.pcr1, read_register(text, *measurements, "PCR1"));
  CONCORDAT_TRY(out.pcr2, read_register(text, *measurements, "PCR2"));
  if (measurements->find("PCR8") != nullptr) {
    CONCORDAT_TRY(out.pcr8, read_register(text, *measurements, "PCR8"));
  }
  return out;
}

}  // namespace concordat::policy
