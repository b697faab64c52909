#include "policy/model.hpp"

#include <algorithm>
#include <array>

namespace concordat::policy {

std::string_view to_string(Operation operation) noexcept {
  switch (operation) {
    case Operation::get:
      return "get";
    case Operation::sign:
      return "sign";
    case Operation::verify:
      return "verify";
    case Operation::encrypt:
      return "encrypt";
    case Operation::decrypt:
      return "decrypt";
    case Operation::wrap:
      return "wrap";
    case Operation::unwrap:
      return "unwrap";
    case Operation::mac:
      return "mac";
    case Operation::derive:
      return "derive";
    case Operation::random:
      return "random";
    case Operation::public_key:
      return "public";
  }
  return "unknown";
}

std::string_view to_string(AuditedUses level) noexcept {
  return level == AuditedUses::secret ? "secret" : "all";
}

std::optional<AuditedUses> audited_uses_from(std::string_view level) noexcept {
  for (const AuditedUses each : {AuditedUses::all, AuditedUses::secret})
    if (level == to_string(each)) return each;
  return std::nullopt;
}

bool is_audited(AuditedUses level, std::string_view operation) noexcept {
  constexpr std::array kOpen{Operation::verify, Operation::public_key, Operation::random};
  return level != AuditedUses::secret ||
         std::ranges::none_of(kOpen, [&](Operation open) { return to_string(open) == operation; });
}

const Role* Model::role(std::string_view name) const {
  const auto found = roles.find(name);
  return found == roles.end() ? nullptr : &found->second;
}

const Purpose* Model::purpose(std::string_view name) const {
  const auto found = purposes.find(name);
  return found == purposes.end() ? nullptr : &found->second;
}

const Image* Model::image(std::string_view name) const {
  const auto found = std::ranges::find(images, name, &Image::name);
  return found == images.end() ? nullptr : &*found;
}

const RootGeneration* Model::root(std::uint32_t generation) const {
  const auto found = std::ranges::find(root_generations, generation, &RootGeneration::generation);
  return found == root_generations.end() ? nullptr : &*found;
}

std::uint32_t Model::next_root_generation() const {
  return root_generations.empty() ? kFirstRootGeneration : root_generations.back().generation + 1;
}

const RootGeneration* Model::current_root() const {
  const auto found = std::ranges::find(root_generations, true, &RootGeneration::current);
  return found == root_generations.end() ? nullptr : &*found;
}

PcrValue pcr_of_text(std::string_view text) {
  return attest::extended_pcr(PcrValue(), base::as_bytes(text));
}

}  // namespace concordat::policy
