// An exported log is checked from its files alone: whatever is changed, removed, added or moved is
// found, and named.
#include "keyservice/audit/verify.hpp"

#include <gtest/gtest.h>

#include <random>

#include "attest/base/file.hpp"
#include "keyservice/audit/folder.hpp"
#include "tests/audit/log_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace concordat::keyservice::audit {
namespace {

using test::AuditWorld;
using test::exported;
using test::Files;
using test::kNow;
using test::SharedFiles;
using test::told;

bool names(const Report& report, Fault fault, std::string_view where) {
  return std::ranges::any_of(report.findings, [&](const Finding& finding) {
    return finding.fault == fault && finding.where == where;
  });
}

class VerifyTest : public testing::Test {
 protected:
  // One boot and `entries` more.
  Files log_of(std::uint64_t entries) {
    SharedFiles shared;
    const auto boot = world_.opened(shared, 1);
    for (std::uint64_t i = 1; i <= entries; ++i)
      EXPECT_TRUE(world_.append(*boot, world_.use(i)));
    return exported(shared.files);
  }
  // Two boots, admissions, and more than one tile.
  Files rich_log() {
    SharedFiles shared;
    for (std::uint8_t number = 1; number <= 2; ++number) {
      const auto boot = world_.opened(shared, number);
      auto admission = world_.admission();
      EXPECT_TRUE(world_.append(*boot, admission.event, admission.evidence));
      for (std::uint64_t i = 1; i <= 300; ++i)
        EXPECT_TRUE(world_.append(*boot, world_.use(i)));
    }
    return exported(shared.files);
  }
  // A log whose only entry is a boot that `prepare` spoils.
  std::string fault_of(AuditWorld::Boot& boot, SharedFiles& shared) {
    EXPECT_TRUE(world_.open(boot));
    const Report report = world_.verify(exported(shared.files));
    return report.findings.empty() ? "" : std::string(describe(report.findings[0].fault).name);
  }
  static Report with(const Files& good, const std::function<void(Files&)>& change,
                     const AuditWorld& world) {
    Files files = good;
    change(files);
    return world.verify(files);
  }
  // A log of one boot whose next entry is this one.
  std::string fault_of(Event event, std::vector<Evidence> evidence, base::UnixMillis now = kNow) {
    SharedFiles shared;
    const auto boot = world_.opened(shared, 1);
    EXPECT_TRUE(world_.append(*boot, std::move(event), std::move(evidence), now));
    const Report report = world_.verify(exported(shared.files));
    for (const Finding& finding : report.findings)
      EXPECT_EQ(finding.where, "entry 1") << told(report);
    return report.findings.empty() ? "" : std::string(describe(report.findings[0].fault).name);
  }

  AuditWorld world_;
};

TEST_F(VerifyTest, AGoodLogHasItsBootsAndNoFinding) {
  const Report report = world_.verify(rich_log());
  EXPECT_EQ(told(report), "");
  EXPECT_EQ(report.entries, 604U);
  ASSERT_EQ(report.boots.size(), 2U);
  EXPECT_EQ(report.boots[1].index, 302U);
  EXPECT_EQ(report.boots[1].role, "custodian");
  EXPECT_EQ(report.boots[1].image, "custodian-1");
  EXPECT_EQ(report.boots[1].policy_serial, 1U);
  EXPECT_EQ(report.boots[1].authority, world_.authority.descriptor().digest().hex());
  EXPECT_NE(report.boots[0].boot_key, report.boots[1].boot_key);
  EXPECT_EQ(report.boots[0].log_key, report.boots[1].log_key);
  EXPECT_TRUE(report.unknown_signatures.empty());
  // Two documents each of boots and workers, a policy, an authority, a checkpoint.
  EXPECT_EQ(report.evidence, 7U);
}

// What a finding must name when a byte of this file was changed.
struct Place {
  std::string name;
  std::vector<std::size_t> entry_ends;  // of a bundle: where each entry ends
};
bool is_named(const Report& report, const Place& place, std::size_t at) {
  std::size_t entry = 0;
  while (entry < place.entry_ends.size() && place.entry_ends[entry] <= at)
    ++entry;
  return std::ranges::any_of(report.findings, [&](const Finding& finding) {
    if (!place.entry_ends.empty() && finding.where == "entry " + std::to_string(entry)) return true;
    return finding.where == place.name || finding.where.starts_with(place.name + " ");
  });
}

TEST_F(VerifyTest, EveryChangedByteIsFoundAndNamed) {
  const Files good = log_of(3);
  ASSERT_EQ(told(world_.verify(good)), "");
  for (const auto& [name, content] : good) {
    Place place{name, {}};
    if (name.starts_with("tile/entries/")) {
      std::vector<base::BytesView> entries;
      ASSERT_TRUE(split_bundle(content, entries));
      for (const auto entry : entries)
        place.entry_ends.push_back(static_cast<std::size_t>(entry.data() - content.data()) +
                                   entry.size());
    }
    Files files = good;
    // One hash covers the whole of a document or policy: some of their bytes will do.
    const std::size_t step = content.size() > 1024 ? 7 : 1;
    for (std::size_t at = 0; at < content.size(); at += step) {
      files[name][at] ^= static_cast<std::uint8_t>(1U << at % 8);
      const Report report = world_.verify(files);
      ASSERT_TRUE(is_named(report, place, at)) << name << " byte " << at << "\n" << told(report);
      files[name][at] = content[at];
    }
  }
}

TEST_F(VerifyTest, EveryFileThatIsCutOrLongerIsNamed) {
  const Files good = log_of(6);
  for (const auto& [name, content] : good) {
    for (const bool is_longer : {false, true}) {
      Files files = good;
      if (is_longer) {
        files[name].push_back('\n');
      } else {
        files[name].pop_back();
      }
      const Report report = world_.verify(files);
      EXPECT_TRUE(is_named(report, {name, {}}, 0)) << name << "\n" << told(report);
    }
  }
}

TEST_F(VerifyTest, EveryRemovedFileIsNamed) {
  const Files good = rich_log();
  for (const auto& [name, content] : good) {
    Files files = good;
    files.erase(name);
    const Report report = world_.verify(files);
    const Fault fault =
        name.starts_with("evidence/") ? Fault::evidence_missing : Fault::file_missing;
    EXPECT_TRUE(names(report, fault, name)) << name << "\n" << told(report);
  }
}

TEST_F(VerifyTest, AnAddedFileIsNamed) {
  const Files good = log_of(3);
  for (const char* name : {"tile/0/001", "tile/0/000.p/3", "tile/entries/000", "tile/1/000.p/1",
                           "evidence/00/00", "notes.txt"}) {
    const Report report = with(
        good, [&](Files& files) { files[name] = base::Bytes(32, 1); }, world_);
    EXPECT_TRUE(names(report, Fault::unexpected_file, name)) << told(report);
    EXPECT_EQ(report.findings.size(), 1U);
  }
}

// The entries of a log's last bundle, changed as entries.
Report with_entries(const AuditWorld& world, const Files& good, const std::string& bundle,
                    const std::function<void(std::vector<base::Bytes>&)>& change) {
  Files files = good;
  std::vector<base::BytesView> views;
  EXPECT_TRUE(split_bundle(good.at(bundle), views));
  std::vector<base::Bytes> entries;
  for (const auto view : views)
    entries.push_back(base::to_bytes(view));
  change(entries);
  files[bundle].clear();
  for (const auto& entry : entries)
    append_to_bundle(files[bundle], entry);
  return world.verify(files);
}

TEST_F(VerifyTest, EntriesThatMovedOrWentAreNamed) {
  const Files good = rich_log();
  for (const auto& [bundle, first, width] :
       {std::tuple{"tile/entries/001", 256, 256}, std::tuple{"tile/entries/002.p/92", 512, 92}}) {
    const auto place = [first = first](int at) { return "entry " + std::to_string(first + at); };
    const Report swapped = with_entries(world_, good, bundle,
                                        [](auto& entries) { std::swap(entries[4], entries[9]); });
    EXPECT_TRUE(names(swapped, Fault::entry_moved, place(4))) << told(swapped);
    EXPECT_TRUE(names(swapped, Fault::entry_moved, place(9)));
    EXPECT_EQ(swapped.findings.size(), 2U) << told(swapped);

    const Report removed = with_entries(world_, good, bundle,
                                        [](auto& entries) { entries.erase(entries.begin() + 4); });
    EXPECT_TRUE(names(removed, Fault::entry_missing, place(4))) << told(removed);
    EXPECT_EQ(removed.findings.size(), 1U) << told(removed);

    const Report cut =
        with_entries(world_, good, bundle, [](auto& entries) { entries.pop_back(); });
    EXPECT_TRUE(names(cut, Fault::entry_missing, place(width - 1))) << told(cut);
    EXPECT_EQ(cut.findings.size(), 1U) << told(cut);

    const Report added = with_entries(world_, good, bundle,
                                      [](auto& entries) { entries.push_back(entries.back()); });
    EXPECT_FALSE(added.is_good());
    EXPECT_TRUE(names(added, Fault::entry_added, place(width)) ||
                names(added, Fault::bundle_malformed, bundle))
        << told(added);

    const Report changed =
        with_entries(world_, good, bundle, [](auto& entries) { entries[7].back() ^= 1; });
    EXPECT_TRUE(names(changed, Fault::entry_changed, place(7))) << told(changed);
    EXPECT_EQ(changed.findings.size(), 1U) << told(changed);
  }
}

TEST_F(VerifyTest, AHashOfATileIsNamed) {
  const Files good = rich_log();
  for (const auto& [tile, hash] :
       {std::pair{"tile/0/000", 17}, std::pair{"tile/0/001", 255}, std::pair{"tile/0/002.p/92", 3},
        std::pair{"tile/1/000.p/2", 1}}) {
    const Report report = with(
        good, [&](Files& files) { files.at(tile).at(hash * 32 + 5) ^= 1; }, world_);
    EXPECT_TRUE(names(report, Fault::tile_changed, tile + (" hash " + std::to_string(hash))))
        << told(report);
    EXPECT_EQ(report.findings.size(), 1U) << told(report);
  }
}

TEST_F(VerifyTest, AnEntryThatIsChangedWithItsTilesLeadsToAnotherRoot) {
  // Who can rewrite every file but cannot sign.
  Files files = rich_log();
  std::vector<base::BytesView> entries;
  base::Bytes bundle = files.at("tile/entries/000");
  ASSERT_TRUE(split_bundle(bundle, entries));
  TreeHasher hasher;
  auto leaves = decode_hashes(files.at("tile/0/000")).value();
  const auto offset = static_cast<std::size_t>(entries[40].data() - bundle.data());
  bundle[offset + entries[40].size() - 3] ^= 1;
  leaves[40] = hasher.leaf(base::BytesView(bundle).subspan(offset, entries[40].size()));
  auto above = decode_hashes(files.at("tile/1/000.p/2")).value();
  files["tile/entries/000"] = bundle;
  files["tile/0/000"] = encode_hashes(leaves);
  const Report half = world_.verify(files);
  EXPECT_TRUE(names(half, Fault::tile_changed, "tile/0/000")) << told(half);
  EXPECT_TRUE(names(half, Fault::root_differs, "checkpoint line 3")) << told(half);
  above[0] = hasher.root_of(leaves);
  files["tile/1/000.p/2"] = encode_hashes(above);
  const Report whole = world_.verify(files);
  EXPECT_TRUE(names(whole, Fault::root_differs, "checkpoint line 3")) << told(whole);
}

TEST_F(VerifyTest, ACheckpointThatClaimsAnySizeIsDoneWithSoon) {
  Files files = log_of(3);
  const policy::SigningKey key = policy::SigningKey::generate();
  files["checkpoint"] = sign_checkpoint({test::kOrigin, kMaxTreeSize, {}}, {&key}).value();
  const Report report = world_.verify(files);
  EXPECT_EQ(report.findings.back().fault, Fault::too_many);
  EXPECT_TRUE(names(report, Fault::file_missing, "tile/entries/001"));
}

TEST_F(VerifyTest, RandomDamageIsFound) {
  const unsigned seed = std::random_device()();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const Files good = rich_log();
  for (int round = 0; round < 60; ++round) {
    Files files = good;
    for (auto left = 1 + random() % 4; left > 0; --left) {
      auto victim = std::next(files.begin(), static_cast<std::ptrdiff_t>(random() % files.size()));
      base::Bytes& content = victim->second;
      const std::size_t at = random() % content.size();
      switch (random() % 3) {
        case 0:
          content[at] = static_cast<std::uint8_t>(content[at] + 1 + random() % 255);
          break;
        case 1:
          content.erase(content.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          content.insert(content.begin() + static_cast<std::ptrdiff_t>(at), 0x40);
      }
      if (content.empty()) files.erase(victim);
    }
    if (files == good) continue;
    EXPECT_FALSE(world_.verify(files).is_good()) << "round " << round;
  }
}

TEST_F(VerifyTest, AnOlderCopyIsFoundByWhoSawALaterOne) {
  SharedFiles shared;
  const auto boot = world_.opened(shared, 1);
  ASSERT_TRUE(world_.append(*boot, world_.use(1)));
  const Files older = exported(shared.files);
  ASSERT_TRUE(world_.append(*boot, world_.use(2)));
  const Files newer = exported(shared.files);
  const auto head = [](const Files& files) {
    return SignedCheckpoint::parse(files.at("checkpoint")).value().checkpoint;
  };
  Expectations expectations{world_.anchors};
  expectations.seen = {head(newer)};
  EXPECT_TRUE(AuditWorld::verify(newer, expectations).is_good());
  EXPECT_TRUE(
      names(AuditWorld::verify(older, expectations), Fault::rolled_back, "checkpoint line 2"));
  expectations.seen = {head(older)};
  EXPECT_TRUE(AuditWorld::verify(newer, expectations).is_good());
  expectations.seen[0].root = Hash();
  EXPECT_TRUE(names(AuditWorld::verify(newer, expectations), Fault::forked, "entry 2"));
  EXPECT_TRUE(names(AuditWorld::verify(older, expectations), Fault::forked, "entry 2"));
  expectations.seen[0].origin = "another";
  EXPECT_TRUE(names(AuditWorld::verify(newer, expectations), Fault::checkpoint_of_other_log,
                    "checkpoint seen before"));
}

TEST_F(VerifyTest, OriginAuthorityAndWitnessesAreWhatWasAskedFor) {
  Files files = log_of(2);
  Expectations expectations{world_.anchors};
  expectations.origin = test::kOrigin;
  expectations.authorities = {test::TestAuthority(2).descriptor(), world_.authority.descriptor()};
  EXPECT_EQ(told(AuditWorld::verify(files, expectations)), "");
  expectations.authorities.pop_back();
  EXPECT_TRUE(
      names(AuditWorld::verify(files, expectations), Fault::authority_unexpected, "entry 0"));
  expectations.authorities.clear();
  expectations.origin = "lab.example/audit/custodian-2";
  EXPECT_TRUE(names(AuditWorld::verify(files, expectations), Fault::checkpoint_of_other_log,
                    "checkpoint line 1"));
  expectations.origin.reset();

  const auto witness = policy::SigningKey::generate();
  expectations.witnesses = {
      NoteVerifier::create("witness.example", NoteKeyType::cosignature, witness.public_key())
          .value()};
  EXPECT_TRUE(names(AuditWorld::verify(files, expectations), Fault::witness_missing, "checkpoint"));
  Note note = Note::parse(files.at("checkpoint")).value();
  ASSERT_TRUE(cosign(note, "witness.example", witness, kNow));
  files["checkpoint"] = note.encode();
  const Report report = AuditWorld::verify(files, expectations);
  EXPECT_EQ(told(report), "");
  ASSERT_EQ(report.witnesses.size(), 1U);
  EXPECT_EQ(report.witnesses[0].time.value, kNow.value / 1000 * 1000);
  // Who was not named signs, too: told, not judged.
  const Report unnamed = world_.verify(files);
  EXPECT_TRUE(unnamed.is_good());
  EXPECT_EQ(unnamed.unknown_signatures, std::vector<std::string>{"witness.example"});
  note.signatures.back().signature[20] ^= 1;
  files["checkpoint"] = note.encode();
  EXPECT_TRUE(names(AuditWorld::verify(files, expectations), Fault::witness_signature_invalid,
                    "checkpoint"));
}

TEST_F(VerifyTest, ABootMustBeACustodiansThatSaysSo) {
  const auto fault = [&](const std::string& image,
                         const std::function<void(BootStatement&)>& change) {
    SharedFiles shared;
    const auto boot = world_.prepare(shared, 1, image, change);
    return fault_of(*boot, shared);
  };
  const auto nothing = [](BootStatement&) {};
  EXPECT_EQ(fault("custodian-1", nothing), "");
  EXPECT_EQ(fault("payments-1", nothing), "not_a_custodian");
  EXPECT_EQ(fault("custodian-1", [](BootStatement& s) { s.origin = "other"; }),
            "statement_differs");
  EXPECT_EQ(fault("custodian-1", [](BootStatement& s) { s.boot = {}; }), "statement_differs");
  EXPECT_EQ(fault("custodian-1", [](BootStatement& s) { s.policy = {}; }), "statement_differs");
  const auto stranger = policy::SigningKey::generate().public_key();
  EXPECT_EQ(fault("custodian-1", [&](BootStatement& s) { s.boot_key = stranger; }),
            "checkpoint_signature_missing");
  EXPECT_EQ(fault("custodian-1", [&](BootStatement& s) { s.log_key = stranger; }),
            "checkpoint_signature_missing");
  EXPECT_EQ(fault("custodian-1", [](BootStatement& s) { s.boot_key = {}; }), "statement_differs");
}

TEST_F(VerifyTest, ABootsEvidenceMustBeGood) {
  const auto fault = [&](const std::function<void(AuditWorld::Boot&)>& change,
                         base::UnixMillis now = kNow) {
    SharedFiles shared;
    const auto boot = world_.prepare(shared, 1);
    change(*boot);
    EXPECT_TRUE(world_.open(*boot, now));
    const Report report = world_.verify(exported(shared.files));
    return report.findings.empty() ? "" : std::string(describe(report.findings[0].fault).name);
  };
  EXPECT_EQ(fault([](auto& boot) { boot.evidence.document[100] ^= 1; }), "document_invalid");
  EXPECT_EQ(fault([](auto& boot) { boot.evidence.authority.front() ^= 1; }), "authority_invalid");
  EXPECT_EQ(fault([&](auto& boot) {
              boot.evidence.authority = test::TestAuthority(2).descriptor().encoded();
            }),
            "policy_invalid");
  EXPECT_EQ(fault([&](auto& boot) {
              boot.evidence.policy = world_.authority.sign(world_.text, {0}).encode();
            }),
            "policy_invalid");
  EXPECT_EQ(
      fault([&](auto& boot) {
        boot.evidence.policy =
            world_.authority.sign(test::sample_policy(world_.authority.descriptor(), 2)).encode();
      }),
      "statement_differs");
  // A document that the enclave's application could have got.
  EXPECT_EQ(fault([&](auto& boot) {
              boot.evidence.document = world_.claims.document(world_.enclave("custodian-1"),
                                                              &world_.authority.descriptor(), {});
            }),
            "statement_differs");
  EXPECT_EQ(fault([](auto&) {}, kNow + kMaxBootSkew), "");
  EXPECT_EQ(fault([](auto&) {}, kNow + kMaxBootSkew + std::chrono::seconds(1)), "time_differs");
}

TEST_F(VerifyTest, DocumentsAreOfTheTrustedRoot) {
  const test::LabClaims other(kNow);
  const auto anchors =
      attest::trust_anchors_from_root(test::LabClaims(kNow).pki().root_der()).value();
  const Report report = AuditWorld::verify(log_of(1), Expectations{anchors});
  EXPECT_TRUE(names(report, Fault::document_invalid, "entry 0")) << told(report);
  const Report aws = AuditWorld::verify(log_of(1), Expectations{attest::TrustAnchors::aws()});
  EXPECT_TRUE(names(aws, Fault::document_invalid, "entry 0"));
  EXPECT_TRUE(names(aws, Fault::boot_missing, "checkpoint"));
}

TEST_F(VerifyTest, AnAdmissionMustBeFounded) {
  const auto good = world_.admission();
  EXPECT_EQ(fault_of(good.event, good.evidence), "");
  EXPECT_EQ(fault_of(good.event, {}), "evidence_absent");
  EXPECT_EQ(fault_of(good.event, {good.evidence[0]}), "evidence_absent");
  const auto as_reports = world_.admission("payments-1", "reports");
  EXPECT_EQ(fault_of(as_reports.event, as_reports.evidence), "admission_unfounded");
  auto other_image = good;
  other_image.event.subject->image = "payments-2";
  EXPECT_EQ(fault_of(other_image.event, good.evidence), "admission_unfounded");
  auto other_role = world_.admission("payments-1", "reports");
  other_role.event.subject->name = "payments";
  EXPECT_EQ(fault_of(other_role.event, other_role.evidence), "admission_unfounded");
  auto other_purpose = good;
  other_purpose.event.purpose = "tunnel/ledger";
  EXPECT_EQ(fault_of(other_purpose.event, good.evidence), "admission_unfounded");
  const auto other_policy = world_.admission("payments-1", "payments", 2);
  EXPECT_EQ(fault_of(other_policy.event, other_policy.evidence), "admission_unfounded");
  auto other_module = good;
  other_module.event.subject->id = "i-other";
  EXPECT_EQ(fault_of(other_module.event, good.evidence), "admission_unfounded");
  const auto minutes = [](int count) { return kNow + std::chrono::minutes(count); };
  EXPECT_EQ(fault_of(good.event, good.evidence, minutes(6)), "");
  EXPECT_EQ(fault_of(good.event, good.evidence, minutes(7)), "time_differs");
  auto broken = good;
  broken.evidence[0].content.back() ^= 1;
  EXPECT_EQ(fault_of(broken.event, broken.evidence), "document_invalid");
  // What a refusal refers to need not be good: that is why it was refused.
  broken.event.kind = Kind::refusal;
  EXPECT_EQ(fault_of(broken.event, broken.evidence), "");
}

TEST_F(VerifyTest, ANextBootGoesOnFromWhatIsThere) {
  // A second boot that was shown nothing of the first, whose entries were put behind it.
  SharedFiles shared;
  const auto first = world_.opened(shared, 1);
  SharedFiles elsewhere;
  const auto second = world_.opened(elsewhere, 2);
  std::vector<base::BytesView> foreign;
  ASSERT_TRUE(split_bundle(elsewhere.files.at("tile/entries/000.p/1"), foreign));
  TileTree tree;
  base::Bytes bundle = shared.files.at("tile/entries/000.p/1");
  std::vector<base::BytesView> own;
  ASSERT_TRUE(split_bundle(bundle, own));
  tree.append(tree.hasher().leaf(own[0]));
  tree.append(tree.hasher().leaf(foreign[0]));
  append_to_bundle(bundle, foreign[0]);
  Files files = exported(shared.files);
  for (const auto& [name, content] : elsewhere.files)
    if (name.starts_with("evidence/")) files[name] = content;
  files.erase("tile/entries/000.p/1");
  files.erase("tile/0/000.p/1");
  files["tile/entries/000.p/2"] = bundle;
  files["tile/0/000.p/2"] = encode_hashes(tree.partial()[0]);
  files["checkpoint"] =
      sign_checkpoint({test::kOrigin, 2, tree.root()}, {&second->key, &world_.log_key}).value();
  const Report report = world_.verify(files);
  EXPECT_TRUE(names(report, Fault::previous_checkpoint_differs, "entry 1")) << told(report);
}

TEST_F(VerifyTest, OfAFolder) {
  const test::TemporaryFolder folder;
  const Files files = rich_log();
  for (const auto& [name, content] : files) {
    const auto path = folder.path() / name;
    std::filesystem::create_directories(path.parent_path());
    ASSERT_TRUE(base::write_file(path, content));
  }
  Folder source(folder.path());
  const Report report = verify_log(source, Expectations{world_.anchors});
  EXPECT_EQ(told(report), "");
  EXPECT_EQ(report.entries, 604U);
  EXPECT_EQ(source.names().value().size(), files.size());
  EXPECT_FALSE(source.read("../x", 10).value());
  EXPECT_FALSE(source.read("/etc/passwd", 10).value());
  EXPECT_FALSE(source.read("checkpoint", 10));  // larger
}

}  // namespace
}  // namespace concordat::keyservice::audit
