// Every bound of policy/limits.hpp: what it still allows, and what is one too many. What is too
// large, too deep or not UTF-8 is refused with line and column.
#include "policy/limits.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>

#include "tests/policy/samples.hpp"
#include "tests/policy/verdict.hpp"

namespace concordat::policy {
namespace {

using test::placed_verdict;
using test::replaced;
using test::verdict;
using Json = nlohmann::ordered_json;
using Pointer = Json::json_pointer;

Json sample_json() {
  return Json::parse(sample());
}

Json full_json() {
  return Json::parse(full());
}

std::string with(const char* pointer, const Json& value) {
  Json file = full_json();
  file.at(Pointer(pointer)) = value;
  return verdict(file.dump());
}

TEST(PolicyLimits, Integers) {
  const struct {
    const char* pointer;
    std::uint64_t max;
  } cases[] = {
      {"/serial", limits::kInteger},
      {"/minimum_protocol_version", limits::kMaxProtocolVersion},
      {"/document_max_age_seconds", limits::kMaxDocumentAgeSeconds},
      {"/channel_life/seconds", limits::kMaxChannelSeconds},
      {"/channel_life/bytes", limits::kMaxChannelBytes},
      {"/channel_life/records", limits::kMaxChannelRecords},
      {"/freshness/max_age_seconds", limits::kMaxFreshnessSeconds},
      {"/root/generations/1/generation", limits::kMaxGeneration},
      {"/roles/custodian/maximum_live", limits::kInteger},
      {"/grants/0/use_limit", limits::kInteger},
      {"/rotation/payments~1*/every_seconds", limits::kMaxRotationSeconds},
  };
  for (const auto& [pointer, max] : cases) {
    const std::string here = std::string(" ") + pointer;
    // The other generation is 1, and they ascend.
    const bool is_second = here.ends_with("generation");
    EXPECT_EQ(with(pointer, is_second ? 2 : 1), "accepted") << pointer;
    EXPECT_EQ(with(pointer, max), "accepted") << pointer;
    EXPECT_EQ(with(pointer, 0), "bad_value" + here);
    EXPECT_EQ(with(pointer, max + 1), "bad_value" + here);
    EXPECT_EQ(with(pointer, -1), "wrong_type" + here);
    EXPECT_EQ(with(pointer, 1.0), "wrong_type" + here);
    EXPECT_EQ(with(pointer, 18446744073709551616.0), "wrong_type" + here);
  }
}

TEST(PolicyLimits, Validity) {
  const auto until = [](const char* not_after) { return with("/validity/not_after", not_after); };
  EXPECT_EQ(until("2026-01-01T00:00:00.001Z"), "accepted");
  EXPECT_EQ(until("2026-01-01T00:00:00Z"), "bad_validity /validity/not_after");
  EXPECT_EQ(until("2026-04-01T00:00:00Z"), "accepted");
  EXPECT_EQ(until("2026-04-01T00:00:00.001Z"), "bad_validity /validity/not_after");
}

TEST(PolicyLimits, Lengths) {
  const auto text = [](std::size_t size, const std::string& start = "") {
    return start + std::string(size - start.size(), 'a');
  };
  const std::string account = "arn:aws:iam::111122223333:role/";
  const std::string time = "2026-01-20T00:00:00.";
  const auto fraction = [&](std::size_t size) {
    return time + std::string(size - time.size() - 1, '0') + "Z";
  };
  const struct {
    const char* pointer;
    std::string at_limit;
    std::string beyond;
  } cases[] = {
      {"/realm", text(attest::kMaxRealmSize), text(attest::kMaxRealmSize + 1)},
      {"/roles/custodian/accounts/0", text(limits::kArnLength, account),
       text(limits::kArnLength + 1, account)},
      {"/grants/0/keys", text(limits::kKeyNameLength), text(limits::kKeyNameLength + 1)},
      {"/grants/0/keys", text(limits::kKeyNameLength) + "/*",
       text(limits::kKeyNameLength + 1) + "/*"},
      {"/grants/0/expires", fraction(limits::kNameLength), fraction(limits::kNameLength + 1)},
      {"/root/generations/0/commitment", text(2 * limits::kCommitmentMax),
       text(2 * limits::kCommitmentMax + 2)},
      {"/root/generations/0/commitment", text(2 * limits::kCommitmentMin),
       text(2 * limits::kCommitmentMin - 2)},
      {"/root/generations/0/commitment", text(2 * limits::kCommitmentMin + 2),
       text(2 * limits::kCommitmentMin + 1)},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(with(c.pointer, c.at_limit), "accepted") << c.pointer;
    EXPECT_EQ(with(c.pointer, c.beyond), std::string("bad_value ") + c.pointer);
  }
}

// The file with one entry of a dictionary under another name.
std::string renamed(const char* dictionary, const char* entry, const std::string& name) {
  Json file = full_json();
  Json& entries = file.at(Pointer(dictionary));
  entries[name] = entries.at(entry);
  if (entries.at(name).contains("key")) entries.erase(entry);  // one key, one office
  return verdict(file.dump());
}

TEST(PolicyLimits, LengthsOfNames) {
  const struct {
    const char* dictionary;
    const char* entry;
    std::size_t max;
  } cases[] = {
      {"/images", "reports-1", limits::kNameLength},
      {"/roles", "reports", limits::kNameLength},
      {"/purposes", "keys", limits::kPurposeLength},
      {"/rotation", "payments/*", limits::kKeyNameLength},
      {"/operators", "dana", limits::kNameLength},
      {"/recovery/holders", "erin", limits::kNameLength},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(renamed(c.dictionary, c.entry, std::string(c.max, 'n')), "accepted") << c.dictionary;
    const std::string beyond(c.max + 1, 'n');
    EXPECT_EQ(renamed(c.dictionary, c.entry, beyond),
              "bad_value " + (c.dictionary + ("/" + beyond)));
  }
}

// A different name for every number, three characters long.
std::string name_of(std::size_t number) {
  constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  const std::size_t n = kDigits.size();
  return {kDigits[number / n / n % n], kDigits[number / n % n], kDigits[number % n]};
}

base::Bytes bytes_of(std::size_t number) {
  base::Bytes bytes(32, 0x55);
  bytes[0] = static_cast<std::uint8_t>(number);
  bytes[1] = static_cast<std::uint8_t>(number >> 8);
  return bytes;
}

// One more entry for a dictionary: a copy of another, but for keys, which are somebody's own.
Json entry_of(const std::string& dictionary, std::size_t number, const Json& entries) {
  if (dictionary == "/recovery/holders") return {{"key", base::to_hex(bytes_of(number))}};
  Json entry = entries.back();
  if (dictionary == "/operators") {
    base::Bytes seed = bytes_of(number);
    const auto key = SigningKey::from_seed(base::SecretBytes::take(seed)).value();
    entry["key"] = key.public_key().hex();
  }
  return entry;
}

// The full file with `count` entries in the dictionary.
Json filled(const std::string& dictionary, std::size_t count) {
  Json file = full_json();
  Json& entries = file.at(Pointer(dictionary));
  for (std::size_t i = 0; entries.size() < count; ++i)
    entries[name_of(i)] = entry_of(dictionary, i, entries);
  return file;
}

TEST(PolicyLimits, EntriesOfDictionaries) {
  const std::pair<const char*, std::size_t> cases[] = {
      {"/images", limits::kImages},       {"/roles", limits::kRoles},
      {"/purposes", limits::kPurposes},   {"/rotation", limits::kRotations},
      {"/operators", limits::kOperators}, {"/recovery/holders", limits::kHolders}};
  for (const auto& [dictionary, max] : cases) {
    EXPECT_EQ(verdict(filled(dictionary, max).dump()), "accepted") << dictionary;
    EXPECT_EQ(verdict(filled(dictionary, max + 1).dump()), std::string("too_many ") + dictionary);
  }
}

TEST(PolicyLimits, TheThresholdIsAHoldersNumber) {
  Json file = filled("/recovery/holders", limits::kHolders);
  Json& threshold = file.at(Pointer("/recovery/threshold"));
  threshold = limits::kHolders;
  EXPECT_EQ(verdict(file.dump()), "accepted");
  for (const std::size_t beyond : {std::size_t{0}, limits::kHolders + 1}) {
    threshold = beyond;
    EXPECT_EQ(verdict(file.dump()), "bad_value /recovery/threshold");
  }
}

// A list can name as many as there can be, each once; one more is one too many whatever it names.
TEST(PolicyLimits, ListsOfNames) {
  const struct {
    const char* list;
    const char* dictionary;
    std::size_t max;
  } cases[] = {
      {"/roles/custodian/images", "/images", limits::kImages},
      {"/purposes/operate~1keys/initiator", "/roles", limits::kRoles},
      {"/purposes/operate~1keys/responder", "/roles", limits::kRoles},
      {"/operators/dana/purposes", "/purposes", limits::kPurposes},
  };
  for (const auto& c : cases) {
    Json file = filled(c.dictionary, c.max);
    Json names = Json::array();
    for (const auto& [name, entry] : file.at(Pointer(c.dictionary)).items())
      names.push_back(name);
    Json& list = file.at(Pointer(c.list));
    list = names;
    EXPECT_EQ(verdict(file.dump()), "accepted") << c.list;
    list.push_back("one-more");
    EXPECT_EQ(verdict(file.dump()), std::string("too_many ") + c.list);
  }
}

TEST(PolicyLimits, ListsOfValues) {
  const Json grant = full_json().at(Pointer("/grants/0"));
  const auto generation = [](std::size_t i) -> Json {
    return {{"generation", i + 1},
            {"state", i == 0 ? "current" : "read_only"},
            {"commitment", std::string(64, 'a')}};
  };
  const auto operation = [](std::size_t i) -> Json {
    return i < kOperations ? to_string(static_cast<Operation>(i + 1)) : "everything";
  };
  const struct {
    const char* list;
    std::size_t max;
    std::function<Json(std::size_t)> item;
  } cases[] = {
      {"/grants", limits::kGrants, [&](std::size_t) { return grant; }},
      {"/grants/0/operations", kOperations, operation},
      {"/root/generations", limits::kRootGenerations, generation},
      {"/roles/reports/accounts", limits::kPinsPerRole,
       [](std::size_t i) { return test::kAccount + name_of(i); }},
      {"/roles/reports/instances", limits::kPinsPerRole,
       [](std::size_t i) { return "i-" + base::to_hex(base::BytesView(bytes_of(i)).first(4)); }},
  };
  for (const auto& c : cases) {
    Json items = Json::array();
    while (items.size() < c.max)
      items.push_back(c.item(items.size()));
    EXPECT_EQ(with(c.list, items), "accepted") << c.list;
    items.push_back(c.item(items.size()));
    EXPECT_EQ(with(c.list, items), std::string("too_many ") + c.list);
  }
}

std::size_t values_in(const Json& value) {
  std::size_t count = 1;
  if (value.is_structured()) {
    for (const Json& child : value)
      count += values_in(child);
  }
  return count;
}

TEST(PolicyLimits, ValuesOfTheFile) {
  Json file = filled("/roles", limits::kRoles);
  Json names = Json::array();
  for (const auto& [name, entry] : file["roles"].items())
    names.push_back(name);
  Json grant = file["grants"][0];
  grant["operations"] = Json::array();
  for (std::uint8_t i = 1; i <= kOperations; ++i)
    grant["operations"].push_back(to_string(static_cast<Operation>(i)));
  std::size_t left = limits::kValues - values_in(file);
  for (; left >= values_in(grant); left -= values_in(grant))
    file["grants"].push_back(grant);
  Json& initiators = file.at(Pointer("/purposes/operate~1keys/initiator"));
  for (; left > 0; --left)
    initiators.push_back(names.at(initiators.size()));
  ASSERT_EQ(values_in(file), limits::kValues);
  EXPECT_EQ(verdict(file.dump()), "accepted");
  initiators.push_back(names.at(initiators.size()));
  // The last value of the file is one too many.
  const std::string text = file.dump();
  EXPECT_EQ(placed_verdict(text), "too_many 1:" + std::to_string(text.rfind("\"i-") + 1));
}

TEST(PolicyLimits, BytesOfTheFile) {
  const std::string text = sample_json().dump(2);
  const std::string full_size = text + std::string(limits::kPolicyBytes - text.size(), '\n');
  EXPECT_EQ(verdict(full_size), "accepted");
  const auto line = std::to_string(std::ranges::count(full_size, '\n') + 1);
  EXPECT_EQ(placed_verdict(full_size + " "), "policy_too_large " + line + ":1");
  EXPECT_EQ(placed_verdict(full_size + std::string(limits::kPolicyBytes, 'x')),
            "policy_too_large " + line + ":1");
}

TEST(PolicyLimits, Depth) {
  const auto nested = [](std::size_t arrays) {
    return replaced(sample_json().dump(2), "\"lab.example\"",
                    std::string(arrays, '[') + std::string(arrays, ']'));
  };
  // The file itself is the first level.
  EXPECT_EQ(verdict(nested(limits::kDepth - 1)), "wrong_type /realm");
  EXPECT_EQ(placed_verdict(nested(limits::kDepth)), "not_json 3:19");
  EXPECT_EQ(placed_verdict(nested(100'000)), "not_json 3:19");
  EXPECT_EQ(placed_verdict(std::string(limits::kPolicyBytes, '[')), "not_json 1:9");
  const std::string object = "{\"a\":";
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += object;
  EXPECT_EQ(placed_verdict(objects), "not_json 1:" + std::to_string(8 * object.size() + 1));
}

TEST(PolicyLimits, Findings) {
  const auto findings = [](std::size_t mistakes) {
    Json file = sample_json();
    for (std::size_t i = 0; i < mistakes; ++i)
      file[name_of(i)] = i;
    return parse_policy(file.dump()).findings.size();
  };
  EXPECT_EQ(findings(0), 0u);
  EXPECT_EQ(findings(limits::kFindings), limits::kFindings);
  EXPECT_EQ(findings(limits::kFindings + 1), limits::kFindings);
}

// What is not strict JSON in UTF-8 is refused at the byte that shows it.
TEST(PolicyLimits, Encoding) {
  // In line 3, a realm whose first character is the 13th of the line.
  const auto realm = [](const std::string& bytes) {
    return placed_verdict(replaced(sample_json().dump(2), "lab.example", bytes));
  };
  const struct {
    const char* what;
    std::string bytes;
    const char* verdict;
  } in_a_string[] = {
      {"plain", "lab.example", "accepted"},
      {"well-formed, but no name", "\xc3\xa9", "bad_value 3:3"},
      {"a byte that never occurs", "a\xff", "not_json 3:14"},
      {"continuation alone", "a\x80", "not_json 3:14"},
      {"overlong in 2 bytes", "\xc0\x80", "not_json 3:13"},
      {"overlong in 3 bytes", "\xe0\x80\x80", "not_json 3:14"},
      {"overlong in 4 bytes", "\xf0\x80\x80\x80", "not_json 3:14"},
      {"surrogate", "\xed\xa0\x80", "not_json 3:14"},
      {"beyond U+10FFFF", "\xf4\x90\x80\x80", "not_json 3:14"},
      {"5 bytes", "\xf8\x88\x80\x80\x80", "not_json 3:13"},
      {"truncated in 2", "\xc3", "not_json 3:14"},
      {"truncated in 3", "\xe2\x82", "not_json 3:14"},
      {"truncated in 4", "\xf0\x9f\x98", "not_json 3:14"},
      {"Latin-1", "caf\xe9 x", "not_json 3:17"},
      {"NUL", std::string("a\0", 2), "not_json 3:14"},
      {"NUL, escaped", "a\\u0000", "bad_value 3:3"},
      {"control character", "a\x1f", "not_json 3:14"},
      {"line feed", "a\n", "not_json 3:14"},
      {"high surrogate alone, escaped", "\\ud800", "not_json 3:19"},
      {"low surrogate alone, escaped", "\\udc00", "not_json 3:18"},
      {"two high ones", "\\ud800\\ud800", "not_json 3:24"},
      {"unknown escape", "\\x41", "not_json 3:14"},
  };
  for (const auto& c : in_a_string)
    EXPECT_EQ(realm(c.bytes), c.verdict) << c.what;

  const std::string text = sample_json().dump(2) + "\n";
  const std::string after = "not_json " + std::to_string(std::ranges::count(text, '\n') + 1) + ":1";
  std::string utf16 = "\xff\xfe";
  for (const char c : text)
    utf16 += {c, '\0'};
  const struct {
    const char* what;
    std::string text;
    std::string verdict;
  } files[] = {
      {"byte order mark", "\xef\xbb\xbf" + text, "not_json 1:1"},
      {"half a byte order mark", "\xef\xbb" + text, "not_json 1:2"},
      {"byte order mark later on", "\n\xef\xbb\xbf" + text, "not_json 2:1"},
      {"UTF-16, marked", utf16, "not_json 1:4"},
      {"UTF-16", utf16.substr(2), "not_json 1:2"},
      {"not UTF-8 between values", replaced(text, "\"realm\"", "\xff\"realm\""), "not_json 3:3"},
      {"NUL at the end", text + std::string(1, '\0'), after},
      {"a character cut at the end", "{\"realm\": \"\xe2\x82", "not_json 1:13"},
      {"no file at all", "", "not_json 1:1"},
      {"a second value", text + "{}", after},
  };
  for (const auto& c : files)
    EXPECT_EQ(placed_verdict(c.text), c.verdict) << c.what;
  EXPECT_NE(load_policy("{\"realm\": \"\xc3\x28\"}").error().detail().find("not UTF-8"),
            std::string::npos);
}

TEST(EnvelopeLimits, BytesAndSignatures) {
  const test::TestAuthority authority;
  const std::string text = sample_json().dump(2);
  const std::string policy = text + std::string(limits::kPolicyBytes - text.size(), '\n');
  Envelope envelope = authority.sign(policy, {0, 1, 2});
  envelope.signatures.resize(limits::kSignatures, envelope.signatures[0]);
  std::string encoded(base::as_text(envelope.encode()));
  const auto refusal = [](const std::string& file) {
    const auto parsed = Envelope::parse(base::as_bytes(file));
    return parsed ? "accepted" : parsed.error().detail();
  };
  // The largest policy travels.
  EXPECT_EQ(refusal(encoded), "accepted");
  encoded.resize(limits::kEnvelopeBytes, ' ');
  EXPECT_EQ(refusal(encoded), "accepted");
  EXPECT_NE(refusal(encoded + " ").find("more than 1572864 bytes"), std::string::npos);
  envelope.signatures.push_back(envelope.signatures[0]);
  EXPECT_NE(refusal(std::string(base::as_text(envelope.encode()))).find("more than 100 values"),
            std::string::npos);
}

}  // namespace
}  // namespace concordat::policy
