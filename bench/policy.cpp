// Judging a peer against a large policy, beside the signature of the document that it showed; and
// reading a large policy, beside a bare parse of its JSON.

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "bench/capture.hpp"
#include "bench/raw.hpp"
#include "policy/evaluate.hpp"
#include "policy/limits.hpp"
#include "policy/parse.hpp"
#include "tests/support/lab_claims.hpp"
#include "tests/support/policy_fixture.hpp"

namespace concordat::bench {
namespace {

constexpr std::size_t kImages = 1000;
constexpr std::size_t kRoles = 100;
constexpr const char* kPeerRole = "role-99";

using Json = nlohmann::ordered_json;

Json image_entry(const std::string& name) {
  return {{"PCR0", test::image_pcr(name, 0).hex()},
          {"PCR1", test::image_pcr(name, 1).hex()},
          {"PCR2", test::image_pcr(name, 2).hex()},
          {"PCR8", "any"}};
}

// The sample with `images` more images and `roles` more roles, of which the last may play all of
// them and every other one the first.
Json grown_policy(std::size_t images, std::size_t roles) {
  Json file = Json::parse(test::sample_policy(test::TestAuthority().descriptor()));
  Json names = Json::array();
  for (std::size_t i = 0; i < images; ++i) {
    const std::string name = "image-" + std::to_string(i);
    file["images"][name] = image_entry(name);
    names.push_back(name);
  }
  for (std::size_t i = 0; i < roles; ++i) {
    const std::string name = "role-" + std::to_string(i);
    file["roles"][name] = file["roles"]["payments"];
    file["roles"][name]["images"] = i + 1 == roles ? names : Json::array({names[0]});
    file["purposes"]["keys"]["initiator"].push_back(name);
  }
  return file;
}

// A peer of the last image of its role, so that every image before it is looked at.
struct Judged {
  Judged() : model(policy::load_policy(grown_policy(kImages, kRoles).dump()).value()) {
    const policy::Image& image = model.images.back();
    lab::EnclaveIdentity identity;
    identity.pcr0 = image.pcr0;
    identity.pcr1 = image.pcr1;
    identity.pcr2 = image.pcr2;
    identity.role_arn = test::kAccount;
    claims = std::make_unique<attest::VerifiedClaims>(
        test::LabClaims(test::kNow).claims(identity, &authority.descriptor()));
    evaluate();
  }
  void evaluate() const {
    const policy::Question question{"custodian", kPeerRole, policy::kKeysPurpose,
                                    policy::Side::initiator};
    const auto evaluation =
        policy::evaluate(model, question, *claims, authority.descriptor().pcr16());
    if (!evaluation.verdict) throw std::runtime_error(evaluation.verdict.error().to_string());
  }

  test::TestAuthority authority;
  policy::Model model;
  std::unique_ptr<attest::VerifiedClaims> claims;
};

Work evaluation() {
  static const Judged judged;
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      judged.evaluate();
  };
}

// As large as a policy may be: images, in the canonical layout, until the file is full.
std::string full_file() {
  const std::size_t empty = grown_policy(0, 0).dump(2).size();
  const std::size_t each = (grown_policy(64, 1).dump(2).size() - empty) / 64;
  std::string text = grown_policy((policy::limits::kPolicyBytes - empty) / each - 16, 1).dump(2);
  if (text.size() > policy::limits::kPolicyBytes) throw std::runtime_error("policy too large");
  return text.append(policy::limits::kPolicyBytes - text.size(), '\n');
}

const std::string& file_text() {
  static const std::string text = full_file();
  return text;
}

Work load() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      benchmark::DoNotOptimize(policy::load_policy(file_text()).value());
  };
}

Work bare_parse() {
  return [](std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i)
      benchmark::DoNotOptimize(nlohmann::json::parse(file_text()));
  };
}

BENCHMARK_CAPTURE(run, policy_evaluate, &evaluation);
BENCHMARK_CAPTURE(run, policy_load, &load);
BENCHMARK_CAPTURE(run, nlohmann_parse, &bare_parse);

}  // namespace

std::vector<Ratio> policy_ratios() {
  return {{"policy_evaluate",
           "one peer judged against 1,000 images and 100 roles, over one raw P-384 verification",
           false, 0.03,
           [](int rounds, double slice) {
             static const RawP384 raw(4800);  // what a document's signature covers
             return median_ratio(
                 {evaluation(), raw.verification()}, [](const auto& s) { return s[0] / s[1]; },
                 rounds, slice);
           }},
          {"policy_load", "a policy of 1 MiB read and checked, over nlohmann-json's bare parse",
           false, 3, [](int rounds, double slice) {
             return median_ratio(
                 {load(), bare_parse()}, [](const auto& s) { return s[0] / s[1]; }, rounds, slice);
           }}};
}

}  // namespace concordat::bench
