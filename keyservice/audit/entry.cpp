#include "keyservice/audit/entry.hpp"

#include <algorithm>

#include "keyservice/audit/limits.hpp"
#include "keyservice/cbor_items.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;

constexpr std::uint64_t kFormat = 1;
constexpr std::size_t kItems = 12;
constexpr std::size_t kSubjectItems = 4;

bool is_printable(char c) {
  return c >= 0x20 && c <= 0x7e;
}

std::string printable(std::string_view text, std::size_t max) {
  std::string out(text.substr(0, max));
  std::ranges::replace_if(
      out, [](char c) { return !is_printable(c); }, '?');
  return out;
}

Status read_text(Reader& reader, std::size_t max, std::string& out) {
  CONCORDAT_TRY(out, reader.read_text(max));
  if (!std::ranges::all_of(out, is_printable)) {
    return Error(base::cbor::Errc::malformed, "a text that is not printable ASCII");
  }
  return {};
}

Status read_count(Reader& reader, std::size_t wanted) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(wanted));
  if (count == wanted) return {};
  return Error(base::cbor::Errc::malformed,
               std::to_string(count) + " items where " + std::to_string(wanted) + " belong");
}

Status read_subject(Reader& reader, Event& event) {
  CONCORDAT_TRY(const bool absent, reader.take_null());
  if (absent) return {};
  CONCORDAT_CHECK(read_count(reader, kSubjectItems));
  Subject& subject = event.subject.emplace();
  CONCORDAT_TRY(subject.type, read_enum(reader, SubjectType::authority));
  CONCORDAT_CHECK(read_text(reader, kMaxEntryName, subject.name));
  CONCORDAT_CHECK(read_text(reader, kMaxEntryName, subject.image));
  return read_text(reader, kMaxEntryId, subject.id);
}

Status read_key(Reader& reader, Event& event) {
  CONCORDAT_TRY(const bool absent, reader.take_null());
  if (absent) return {};
  CONCORDAT_CHECK(read_count(reader, 2));
  KeyVersionName& key = event.key.emplace();
  CONCORDAT_CHECK(read_text(reader, kMaxEntryKeyName, key.name));
  CONCORDAT_TRY(key.version, read_uint32(reader));
  return {};
}

Status read_evidence(Reader& reader, Event& event) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(kMaxEntryEvidence));
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_CHECK(read_count(reader, 2));
    EvidenceRef ref;
    CONCORDAT_TRY(ref.type, read_enum(reader, kLastEvidenceType));
    CONCORDAT_TRY(const BytesView hash, reader.read_bytes(base::Sha256Digest::kSize));
    CONCORDAT_TRY(ref.hash, base::Sha256Digest::from(hash));
    if (i != 0 && !(event.evidence.back() < ref)) {
      return Error(base::cbor::Errc::malformed, "evidence that is not ascending");
    }
    event.evidence.push_back(ref);
  }
  return {};
}

Status read_event(Reader& reader, Event& event) {
  CONCORDAT_TRY(event.kind, read_enum(reader, kLastKind));
  CONCORDAT_CHECK(read_subject(reader, event));
  CONCORDAT_CHECK(read_text(reader, kMaxEntryPurpose, event.purpose));
  CONCORDAT_CHECK(read_key(reader, event));
  CONCORDAT_CHECK(read_text(reader, kMaxEntryWord, event.operation));
  CONCORDAT_CHECK(read_text(reader, kMaxEntryWord, event.outcome));
  CONCORDAT_CHECK(read_text(reader, kMaxEntryDetail, event.detail));
  return read_evidence(reader, event);
}

Status read_entry(Reader& reader, Entry& entry) {
  CONCORDAT_CHECK(read_count(reader, kItems));
  CONCORDAT_TRY(const std::uint64_t format, reader.read_uint());
  if (format != kFormat) {
    return Error(base::cbor::Errc::malformed, "format " + std::to_string(format));
  }
  CONCORDAT_TRY(entry.time, read_time(reader));
  CONCORDAT_TRY(const BytesView boot, reader.read_bytes(BootId::kSize));
  CONCORDAT_TRY(entry.boot, BootId::from(boot));
  CONCORDAT_TRY(entry.sequence, reader.read_uint());
  CONCORDAT_CHECK(read_event(reader, entry.event));
  return reader.finish();
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
  out.array(kItems).uint(kFormat).uint(static_cast<std::uint64_t>(entry.time.value));
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

Result<Entry> decode_entry(BytesView encoded) {
  if (encoded.size() > kMaxEntry) {
    return Error(Errc::malformed_entry, std::to_string(encoded.size()) + " bytes, " +
                                            std::to_string(kMaxEntry) + " allowed");
  }
  Reader reader(encoded);
  Entry entry;
  const Status read = read_entry(reader, entry);
  if (read) return entry;
  return Error(Errc::malformed_entry,
               "at byte " + std::to_string(reader.offset()) + ": " + read.error().to_string());
}

}  // namespace concordat::keyservice::audit
