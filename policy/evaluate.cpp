#include "policy/evaluate.hpp"

#include <algorithm>
#include <array>

#include "attest/claims.hpp"
#include "policy/finding.hpp"
#include "policy/key_pattern.hpp"
#include "policy/operators.hpp"

namespace concordat::policy {
namespace {

using attest::VerifiedClaims;

constexpr std::string_view kAbsent = "absent";

std::string show(const std::optional<PcrValue>& value) {
  return value ? value->hex() : std::string(kAbsent);
}

// Enough of a register to tell two apart in one line; `explain` shows them whole.
std::string shortened(const std::string& value) {
  constexpr std::size_t kShown = 16;
  const bool is_register = value.size() == PcrValue::kSize * 2 &&
                           value.find_first_not_of("0123456789abcdef") == value.npos;
  return is_register ? value.substr(0, kShown) + ".." : value;
}

std::string joined(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 8;
  if (names.empty()) return "nobody (the list is empty)";
  std::string out = names.front();
  for (std::size_t i = 1; i < std::min(names.size(), kShown); ++i)
    out += ", " + names[i];
  if (names.size() > kShown) out += " and " + std::to_string(names.size() - kShown) + " more";
  return out;
}

std::string joined_texts(const std::vector<Pin>& pins) {
  std::vector<std::string> texts;
  for (const Pin& pin : pins)
    texts.push_back(pin.text);
  return joined(texts);
}

const std::vector<std::string>& roles_on(const Purpose& purpose, Side side) noexcept {
  return side == Side::initiator ? purpose.initiator : purpose.responder;
}

// The registers that identify an image, and what one image wants in them; nullptr: not pinned.
constexpr std::array<unsigned, 4> kImagePcrs{0, 1, 2, 8};
using ImagePins = std::array<const PcrValue*, kImagePcrs.size()>;

ImagePins pins_of(const Image& image) noexcept {
  return {&image.pcr0, &image.pcr1, &image.pcr2, image.pcr8 ? &*image.pcr8 : nullptr};
}

class Walk {
 public:
  // `claims` are null only where no evidence is asked for.
  Walk(const Model& model, const Question& question, const VerifiedClaims* claims,
       const PcrValue& own_pcr16)
      : model_(model), question_(question), claims_(claims), own_pcr16_(own_pcr16) {
    for (std::size_t i = 0; claims != nullptr && i < kImagePcrs.size(); ++i)
      measured_[i] = claims->pcr(kImagePcrs[i]);
  }

  Evaluation question() && {
    check_purpose();
    check_evidence();
    return std::move(*this).judged();
  }
  Evaluation role_only() && {
    require_known(AdmissionErrc::peer_role_unknown, "role", question_.peer_role);
    check_evidence();
    return std::move(*this).judged();
  }
  Evaluation party(const PartyQuestion& asked) && {
    const SessionRule* const rule = session_rule(model_, asked.session, asked.protocol);
    if (require(AdmissionErrc::session_unknown, "session", "a rule of policy",
                rule != nullptr ? rule_name(*rule)
                                : quote(asked.session) + ", protocol " + quote(asked.protocol),
                rule != nullptr)) {
      check_party(*rule, asked);
    }
    return std::move(*this).judged();
  }

 private:
  bool require(AdmissionErrc code, std::string subject, std::string wanted, std::string found,
               bool met) {
    out_.requirements.push_back(
        {std::move(subject), std::move(wanted), std::move(found), met, code});
    return met;
  }

  Evaluation judged() && {
    out_.verdict = verdict();
    if (!out_.verdict) out_.image.clear();
    return std::move(out_);
  }

  void check_evidence() {
    check_mode_and_authority(own_pcr16_);
    // Unknown: refused already.
    if (const Role* const role = model_.role(question_.peer_role)) check_measured(*role);
  }
  void check_measured(const Role& role) {
    check_image(role);
    check_pins("PCR3", kAccountPcr, role.accounts, AdmissionErrc::account_differs);
    check_pins("PCR4", kInstancePcr, role.instances, AdmissionErrc::instance_differs);
  }

  [[nodiscard]] std::string rule_name(const SessionRule& rule) const {
    const auto named = std::ranges::find_if(
        model_.sessions, [&](const auto& entry) { return &entry.second == &rule; });
    return named->first;
  }

  void check_party(const SessionRule& rule, const PartyQuestion& asked) {
    require(AdmissionErrc::own_role_not_in_session, "own role in the session",
            joined(rule.own_roles), quote(asked.my_role), has(rule.own_roles, asked.my_role));
    const bool is_own = asked.realm == model_.realm;
    const auto realm = rule.realms.find(asked.realm);
    if (!require(AdmissionErrc::realm_not_in_session, "realm", "one of the rule's",
                 quote(asked.realm), is_own || realm != rule.realms.end())) {
      return;
    }
    const attest::AuthorityDigest& authority = is_own ? model_.authority : realm->second.authority;
    require(AdmissionErrc::session_authority_differs,
            "authority of realm " + std::string(asked.realm), authority.hex(),
            asked.authority.hex(), authority == asked.authority);
    const Role* role = nullptr;
    std::vector<std::string> roles = rule.own_roles;
    if (is_own) {
      if (has(rule.own_roles, asked.role)) role = model_.role(asked.role);
    } else {
      const auto found = realm->second.roles.find(asked.role);
      if (found != realm->second.roles.end()) role = &found->second;
      roles.clear();
      for (const auto& [name, entry] : realm->second.roles)
        roles.push_back(name);
    }
    const bool known =
        require(AdmissionErrc::role_not_in_session, "role in realm " + std::string(asked.realm),
                joined(roles), quote(asked.role), role != nullptr);
    if (claims_ == nullptr) {
      if (known) {
        require(AdmissionErrc::no_image, "images of the role", "at least one",
                std::to_string(role->images.size()), !role->images.empty());
      }
      return;
    }
    check_mode_and_authority(attest::authority_pcr16(authority));
    if (known) check_measured(*role);
  }

  static bool has(const std::vector<std::string>& names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
  }

  bool require_known(AdmissionErrc unknown, const char* subject, std::string_view role) {
    return require(unknown, subject, "one that policy names", quote(role),
                   model_.role(role) != nullptr);
  }

  void check_purpose() {
    const Purpose* const purpose = model_.purpose(question_.purpose);
    require(AdmissionErrc::purpose_unknown, "purpose", "one that policy names",
            quote(question_.purpose), purpose != nullptr);
    if (question_.my_key) {
      check_own_operator(*question_.my_key);
    } else {
      check_role(AdmissionErrc::own_role_unknown, AdmissionErrc::own_role_not_in_purpose,
                 "own role", question_.my_role, purpose, other(question_.peer_side));
    }
    check_role(AdmissionErrc::peer_role_unknown, AdmissionErrc::peer_role_not_in_purpose,
               "peer role", question_.peer_role, purpose, question_.peer_side);
  }

  void check_own_operator(const attest::SignerKey& key) {
    const auto* const self = operator_with(model_, key);
    if (!require(AdmissionErrc::operator_unknown, "own key", "an operator's that policy names",
                 self != nullptr ? self->first : key_id(key), self != nullptr)) {
      return;
    }
    const auto& allowed = self->second.purposes;
    require(AdmissionErrc::operator_not_in_purpose, "purposes of operator " + self->first,
            joined(allowed), quote(question_.purpose),
            question_.peer_side == Side::responder &&
                std::ranges::find(allowed, question_.purpose) != allowed.end());
  }

  void check_role(AdmissionErrc unknown, AdmissionErrc misplaced, const char* subject,
                  std::string_view name, const Purpose* purpose, Side side) {
    if (!require_known(unknown, subject, name)) return;
    if (purpose == nullptr) return;  // refused already
    const auto& allowed = roles_on(*purpose, side);
    require(misplaced, std::string(subject) + " as " + std::string(to_string(side)),
            joined(allowed), std::string(name), std::ranges::find(allowed, name) != allowed.end());
  }

  void check_mode_and_authority(const PcrValue& wanted) {
    require(AdmissionErrc::debug_document, "mode", "production",
            claims_->debug() ? "debug" : "production", !claims_->debug());
    if (!require(AdmissionErrc::own_authority_unset, "own PCR16", "an authority",
                 own_pcr16_.is_zero() ? "all zero" : "set", !own_pcr16_.is_zero())) {
      return;
    }
    const auto found = claims_->pcr(attest::kAuthorityPcr);
    require(AdmissionErrc::authority_differs, "PCR16", wanted.hex(), show(found), found == wanted);
  }

  // How many of the pins the document does not meet.
  [[nodiscard]] std::ptrdiff_t differences(const ImagePins& pins) const {
    std::ptrdiff_t count = 0;
    for (std::size_t i = 0; i < pins.size(); ++i)
      count += pins[i] != nullptr && measured_[i] != *pins[i] ? 1 : 0;
    return count;
  }

  // The image of the role that the document is, or else the nearest one, whose differences say
  // most: the image of which one byte was altered still has its kernel.
  [[nodiscard]] const Image& closest(const Role& role) const {
    const auto exact = std::ranges::find_if(role.images, [&](std::uint32_t index) {
      const Image& image = model_.images[index];
      return measured_[0] == image.pcr0 && differences(pins_of(image)) == 0;
    });
    if (exact != role.images.end()) return model_.images[*exact];
    return model_.images[*std::ranges::min_element(role.images, {}, [&](std::uint32_t index) {
      return differences(pins_of(model_.images[index]));
    })];
  }

  void check_image(const Role& role) {
    if (!require(AdmissionErrc::no_image, "images of the role", "at least one",
                 std::to_string(role.images.size()), !role.images.empty())) {
      return;
    }
    const Image& image = closest(role);
    out_.image = image.name;
    const ImagePins pins = pins_of(image);
    for (std::size_t i = 0; i < pins.size(); ++i) {
      if (pins[i] == nullptr) continue;
      require(AdmissionErrc::image_differs,
              "PCR" + std::to_string(kImagePcrs[i]) + " of image " + image.name, pins[i]->hex(),
              show(measured_[i]), measured_[i] == *pins[i]);
    }
  }

  void check_pins(const char* subject, unsigned index, const std::optional<std::vector<Pin>>& pins,
                  AdmissionErrc code) {
    const auto found = claims_->pcr(index);
    if (!pins) {
      require(code, subject, "any", show(found), true);
      return;
    }
    const auto matched =
        std::ranges::find_if(*pins, [&](const Pin& pin) { return found && pin.value == *found; });
    const bool met = matched != pins->end();
    require(code, subject, met ? matched->text : joined_texts(*pins), show(found), met);
  }

  [[nodiscard]] base::Status verdict() const {
    const auto first = std::ranges::find(out_.requirements, false, &Requirement::met);
    if (first == out_.requirements.end()) return {};
    std::string detail;
    // Every register of the image that differs, or the one requirement of any other kind.
    for (const Requirement& requirement : out_.requirements) {
      if (requirement.met || requirement.code != first->code) continue;
      detail += (detail.empty() ? "" : "; ") + requirement.subject + ": wanted " +
                shortened(requirement.wanted) + ", found " + shortened(requirement.found);
    }
    return base::Error(first->code, std::move(detail));
  }

  const Model& model_;
  const Question question_;
  const VerifiedClaims* const claims_;
  const PcrValue& own_pcr16_;
  std::array<std::optional<PcrValue>, kImagePcrs.size()> measured_;
  Evaluation out_;
};

base::Sha256Digest digest_of(const std::map<std::uint8_t, PcrValue>& pcrs) {
  base::Sha256 hash;
  for (const auto& [index, value] : pcrs) {
    hash.update({&index, 1});
    hash.update(value.view());
  }
  return hash.finish();
}

}  // namespace

std::string_view to_string(Side side) noexcept {
  return side == Side::initiator ? "initiator" : "responder";
}

Evaluation evaluate(const Model& model, const Question& question, const VerifiedClaims& claims,
                    const PcrValue& own_pcr16) {
  return Walk(model, question, &claims, own_pcr16).question();
}

Evaluation evaluate_role(const Model& model, std::string_view role, const VerifiedClaims& claims,
                         const PcrValue& own_pcr16) {
  return Walk(model, {{}, role, {}, {}}, &claims, own_pcr16).role_only();
}

const SessionRule* session_rule(const Model& model, std::string_view id,
                                std::string_view protocol) {
  const auto found = std::ranges::find_if(model.sessions, [&](const auto& entry) {
    return entry.second.protocol == protocol && matches(entry.second.id, id);
  });
  return found == model.sessions.end() ? nullptr : &found->second;
}

Evaluation evaluate_party(const Model& model, const PartyQuestion& question,
                          const VerifiedClaims* claims, const PcrValue& own_pcr16) {
  return Walk(model, {}, claims, own_pcr16).party(question);
}

AdmittedPeer::AdmittedPeer(const Policy& policy, Evaluation evaluation,
                           const VerifiedClaims& claims)
    : image_(std::move(evaluation.image)),
      module_id_(claims.module_id()),
      pcrs_digest_(digest_of(claims.pcrs())),
      policy_serial_(policy.serial()),
      policy_digest_(policy.digest()) {}

base::Result<AdmittedPeer> admit(const Policy& policy, const Question& question,
                                 const VerifiedClaims& claims, const PcrValue& own_pcr16) {
  Evaluation evaluation = evaluate(policy.model(), question, claims, own_pcr16);
  CONCORDAT_CHECK(evaluation.verdict);
  AdmittedPeer peer(policy, std::move(evaluation), claims);
  peer.role_ = question.peer_role;
  peer.purpose_ = question.purpose;
  peer.side_ = question.peer_side;
  return peer;
}

base::Result<AdmittedPeer> admit_party(const Policy& policy, const PartyQuestion& question,
                                       const VerifiedClaims& claims, const PcrValue& own_pcr16) {
  Evaluation evaluation = evaluate_party(policy.model(), question, &claims, own_pcr16);
  CONCORDAT_CHECK(evaluation.verdict);
  AdmittedPeer peer(policy, std::move(evaluation), claims);
  peer.role_ = question.role;
  peer.purpose_ = kSessionPurpose;
  peer.side_ = question.side;
  return peer;
}

}  // namespace concordat::policy
