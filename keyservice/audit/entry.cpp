#include "keyservice/audit/entry.hpp"

#include <algorithm>

#include "attest/base/cbor.hpp"
#include "keyservice/audit/entry_cursor.hpp"
#include "keyservice/audit/limits.hpp"
#include "keyservice/cbor_items.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::cbor::Writer;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kEntryItems = 12;
constexpr std::size_t kSubjectItems = 4;

std::string printable(std::string_view text, std::size_t max) {
  std::string out(text.substr(0, max));
  std::ranges::replace_if(
      out, [](char c) { return !is_printable(c); }, '?');
  return out;
}

void read_subject(EntryCursor& in, Event& event) {
  if (in.take_null()) return event.subject.reset();
  in.array(kSubjectItems);
  Subject& subject = event.subject ? *event.subject : event.subject.emplace();
  subject.type = in.enumerator(SubjectType::authority);
  subject.name = in.text(kMaxEntryName);
  subject.image = in.text(kMaxEntryName);
  subject.id = in.text(kMaxEntryId);
}

void read_key(EntryCursor& in, Event& event) {
  if (in.take_null()) return event.key.reset();
  in.array(2);
  KeyVersionName& key = event.key ? *event.key : event.key.emplace();
  key.name = in.text(kMaxEntryKeyName);
  key.version = static_cast<std::uint32_t>(in.uint(UINT32_MAX));
}

void read_evidence(EntryCursor& in, Event& event) {
  const std::size_t count = in.array_of_at_most(kMaxEntryEvidence);
  event.evidence.resize(count);
  for (std::size_t i = 0; i < count && in.is_good(); ++i) {
    in.array(2);
    event.evidence[i].type = in.enumerator(kLastEvidenceType);
    in.bytes(event.evidence[i].hash.mutable_view());
    if (i != 0 && !(event.evidence[i - 1] < event.evidence[i])) {
      in.fail("evidence that is not ascending");
    }
  }
}

void read_event(EntryCursor& in, Event& event) {
  event.kind = in.enumerator(kLastKind);
  read_subject(in, event);
  event.purpose = in.text(kMaxEntryPurpose);
  read_key(in, event);
  event.operation = in.text(kMaxEntryWord);
  event.outcome = in.text(kMaxEntryWord);
  event.detail = in.text(kMaxEntryDetail);
  read_evidence(in, event);
}

void read_entry(EntryCursor& in, Entry& entry) {
  in.array(kEntryItems);
  if (in.uint(UINT64_MAX) != kFormat) in.fail("another format");
  entry.time = {static_cast<std::int64_t>(in.uint(INT64_MAX))};
  in.bytes(entry.boot.mutable_view());
  entry.sequence = in.uint(UINT64_MAX);
  read_event(in, entry.event);
  in.finish();
}

std::vector<EvidenceRef> sorted(std::vector<EvidenceRef> evidence) {
  std::ranges::sort(evidence);
  evidence.erase(std::ranges::unique(evidence).begin(), evidence.end());
  if (evidence.size() > kMaxEntryEvidence) evidence.resize(kMaxEntryEvidence);
  return evidence;
}

void write_subject(Writer& out, const std::optional<Subject>& subject) {
  if (!subject) {
    out.null();
    return;
  }
  out.array(kSubjectItems).uint(number(subject->type));
  out.text(printable(subject->name, kMaxEntryName)).text(printable(subject->image, kMaxEntryName));
  out.text(printable(subject->id, kMaxEntryId));
}

void write_key(Writer& out, const std::optional<KeyVersionName>& key) {
  if (!key) {
    out.null();
    return;
  }
  out.array(2).text(printable(key->name, kMaxEntryKeyName)).uint(key->version);
}

}  // namespace

std::string_view to_string(Kind kind) noexcept {
  switch (kind) {
    case Kind::boot:
      return "boot";
    case Kind::admission:
      return "admission";
    case Kind::refusal:
      return "refusal";
    case Kind::release:
      return "release";
    case Kind::use:
      return "use";
    case Kind::rotation:
      return "rotation";
    case Kind::key_change:
      return "key_change";
    case Kind::policy_change:
      return "policy_change";
    case Kind::replica:
      return "replica";
    case Kind::recovery:
      return "recovery";
    case Kind::operator_action:
      return "operator_action";
    case Kind::genesis:
      return "genesis";
  }
  return "unknown";
}

std::string_view to_string(SubjectType type) noexcept {
  switch (type) {
    case SubjectType::enclave:
      return "enclave";
    case SubjectType::operator_key:
      return "operator";
    case SubjectType::authority:
      return "authority";
  }
  return "unknown";
}

std::string_view to_string(EvidenceType type) noexcept {
  switch (type) {
    case EvidenceType::document:
      return "document";
    case EvidenceType::transcript:
      return "transcript";
    case EvidenceType::policy:
      return "policy";
    case EvidenceType::authority:
      return "authority";
    case EvidenceType::checkpoint:
      return "checkpoint";
    case EvidenceType::order:
      return "order";
    case EvidenceType::freshness:
      return "freshness";
  }
  return "unknown";
}

const base::Sha256Digest* Event::evidence_of(EvidenceType type) const noexcept {
  const auto found = std::ranges::find(evidence, type, &EvidenceRef::type);
  return found == evidence.end() ? nullptr : &found->hash;
}

base::Bytes encode(const Entry& entry) {
  const Event& event = entry.event;
  Writer out;
  out.array(kEntryItems).uint(kFormat).uint(static_cast<std::uint64_t>(entry.time.value));
  out.bytes(entry.boot.view()).uint(entry.sequence).uint(number(event.kind));
  write_subject(out, event.subject);
  out.text(printable(event.purpose, kMaxEntryPurpose));
  write_key(out, event.key);
  out.text(printable(event.operation, kMaxEntryWord));
  out.text(printable(event.outcome, kMaxEntryWord));
  out.text(printable(event.detail, kMaxEntryDetail));
  const std::vector<EvidenceRef> evidence = sorted(event.evidence);
  out.array(evidence.size());
  for (const EvidenceRef& ref : evidence)
    out.array(2).uint(number(ref.type)).bytes(ref.hash.view());
  return std::move(out).take();
}

base::Status decode_entry(BytesView encoded, Entry& entry) {
  if (encoded.size() > kMaxEntry) {
    return Error(Errc::malformed_entry, std::to_string(encoded.size()) + " bytes, " +
                                            std::to_string(kMaxEntry) + " allowed");
  }
  EntryCursor in(encoded);
  read_entry(in, entry);
  if (in.is_good()) return {};
  return Error(Errc::malformed_entry, in.fault());
}

Result<Entry> decode_entry(BytesView encoded) {
  Entry entry;
  CONCORDAT_CHECK(decode_entry(encoded, entry));
  return entry;
}

}  // namespace concordat::keyservice::audit
