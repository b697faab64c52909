#include "keyservice/custodian_status.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <set>
#include <vector>

#include "attest/authority.hpp"
#include "attest/base/cbor_fixed.hpp"
#include "keyservice/error.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
using base::cbor::Reader;
using base::cbor::Writer;
using Counted = std::map<std::string, std::uint64_t>;
using std::chrono::milliseconds;

constexpr std::size_t kMaxText = 256;
constexpr std::size_t kMaxEntries = 1024;
constexpr std::size_t kMaxMembers = 64;
constexpr unsigned kMaxDepth = 3;  // of an entry that this reader does not know

Status read(Reader& reader, std::string& out) {
  CONCORDAT_TRY(const std::string_view text, reader.read_text(kMaxText));
  out = text;
  return {};
}

Status read(Reader& reader, std::uint64_t& out) {
  CONCORDAT_TRY(out, reader.read_uint());
  return {};
}

Status read(Reader& reader, milliseconds& out) {
  CONCORDAT_TRY(const std::uint64_t count, reader.read_uint());
  // Longer than any enclave lives, and far from what would overflow.
  constexpr std::uint64_t kMost = std::uint64_t{1} << 53;
  if (count > kMost) return Error(Errc::malformed_response, "a time out of range");
  out = milliseconds(count);
  return {};
}

Status read(Reader& reader, base::UnixMillis& out) {
  milliseconds since_epoch{};
  CONCORDAT_CHECK(read(reader, since_epoch));
  out = base::UnixMillis{static_cast<decltype(out.value)>(since_epoch.count())};
  return {};
}

template <class Fixed>
Status read_fixed(Reader& reader, Fixed& out) {
  CONCORDAT_TRY(out, base::cbor::read_fixed<Fixed>(reader));
  return {};
}

Status read(Reader& reader, Counted& out) {
  return base::cbor::for_each_entry(
      reader, kMaxEntries, [](Reader& r) { return r.read_text(kMaxText); },
      [&](std::string_view name) { return read(reader, out[std::string(name)]); });
}

Status read_pcrs(Reader& reader, std::map<std::uint8_t, attest::PcrValue>& out) {
  return base::cbor::for_each_entry(
      reader, attest::kPcrCount, [](Reader& r) { return r.read_uint(); },
      [&](std::uint64_t index) -> Status {
        if (index >= attest::kPcrCount) {
          return Error(Errc::malformed_response, "register " + std::to_string(index));
        }
        return read_fixed(reader, out[static_cast<std::uint8_t>(index)]);
      });
}

Status read_root(Reader& reader, std::optional<CustodianStatus::RootState>& out) {
  CONCORDAT_TRY(const bool none, reader.take_null());
  if (none) return {};
  CONCORDAT_TRY(const std::size_t count, reader.read_array(2));
  CONCORDAT_TRY(const std::uint64_t generation, reader.read_uint());
  if (count != 2 || generation > UINT32_MAX) return Error(Errc::malformed_response, "root");
  out.emplace().generation = static_cast<std::uint32_t>(generation);
  return read_fixed(reader, out->commitment);
}

Status read_keyring(Reader& reader, std::optional<CustodianStatus::KeyringState>& out) {
  CONCORDAT_TRY(const bool none, reader.take_null());
  if (none) return {};
  CONCORDAT_TRY(const std::size_t count, reader.read_array(4));
  if (count != 4) return Error(Errc::malformed_response, "keyring");
  CustodianStatus::KeyringState& keyring = out.emplace();
  CONCORDAT_TRY(keyring.is_loaded, reader.read_bool());
  CONCORDAT_CHECK(read(reader, keyring.keys));
  CONCORDAT_CHECK(read(reader, keyring.head.position));
  return read_fixed(reader, keyring.head.hash);
}

Status read_audit_log(Reader& reader, AuditLogState& out) {
  CONCORDAT_TRY(const std::size_t count, reader.read_array(5));
  if (count != 5) return Error(Errc::malformed_response, "audit_log");
  CONCORDAT_TRY(out.takes_entries, reader.read_bool());
  CONCORDAT_CHECK(read(reader, out.why));
  CONCORDAT_CHECK(read(reader, out.size));
  CONCORDAT_CHECK(read(reader, out.last));
  return read(reader, out.waiting);
}

// One key of the map: how it is written, and read.
struct Field {
  std::string_view key;
  std::function<void(Writer&, const CustodianStatus&)> write;
  std::function<Status(Reader&, CustodianStatus&)> read;
};

void write(Writer& out, const std::string& text) {
  out.text(text);
}
void write(Writer& out, std::uint64_t number) {
  out.uint(number);
}
void write(Writer& out, milliseconds time) {
  out.uint(static_cast<std::uint64_t>(std::max<std::int64_t>(0, time.count())));
}
void write(Writer& out, base::UnixMillis time) {
  out.uint(static_cast<std::uint64_t>(time.value));
}
void write(Writer& out, const Counted& counted) {
  out.map(counted.size());
  for (const auto& [name, count] : counted)
    out.text(name).uint(count);
}

// `of(status)`: a reference to the member.
template <class Of>
Field plain(std::string_view key, Of of) {
  return {key, [of](Writer& out, const CustodianStatus& s) { write(out, of(s)); },
          [of](Reader& reader, CustodianStatus& s) { return read(reader, of(s)); }};
}

// A line for each field: version 14 would break them before `-> auto&`.
// clang-format off
const std::vector<Field>& fields() {
  static const std::vector<Field> all{
      plain("version", [](auto& s) -> auto& { return s.enclave.version; }),
      plain("module_id", [](auto& s) -> auto& { return s.enclave.module_id; }),
      Field{"pcrs",
            [](Writer& out, const CustodianStatus& s) {
              out.map(s.enclave.pcrs.size());
              for (const auto& [index, value] : s.enclave.pcrs)
                out.uint(index).bytes(value.view());
            },
            [](Reader& r, CustodianStatus& s) { return read_pcrs(r, s.enclave.pcrs); }},
      plain("role", [](auto& s) -> auto& { return s.role; }),
      plain("policy_serial", [](auto& s) -> auto& { return s.policy_serial; }),
      Field{"policy_digest",
            [](Writer& out, const CustodianStatus& s) { out.bytes(s.policy_digest.view()); },
            [](Reader& r, CustodianStatus& s) { return read_fixed(r, s.policy_digest); }},
      Field{"root",
            [](Writer& out, const CustodianStatus& s) {
              if (!s.root) {
                out.null();
                return;
              }
              out.array(2).uint(s.root->generation).bytes(s.root->commitment.view());
            },
            [](Reader& r, CustodianStatus& s) { return read_root(r, s.root); }},
      Field{"keyring",
            [](Writer& out, const CustodianStatus& s) {
              if (!s.keyring) {
                out.null();
                return;
              }
              out.array(4).boolean(s.keyring->is_loaded).uint(s.keyring->keys);
              out.uint(s.keyring->head.position).bytes(s.keyring->head.hash.view());
            },
            [](Reader& r, CustodianStatus& s) { return read_keyring(r, s.keyring); }},
      plain("trouble", [](auto& s) -> auto& { return s.trouble; }),
      Field{"audit_log",
            [](Writer& out, const CustodianStatus& s) {
              const AuditLogState& log = s.audit_log;
              out.array(5).boolean(log.takes_entries).text(log.why).uint(log.size);
              write(out, log.last);
              out.uint(log.waiting);
            },
            [](Reader& r, CustodianStatus& s) { return read_audit_log(r, s.audit_log); }},
      plain("now_ms", [](auto& s) -> auto& { return s.now; }),
      plain("uptime_ms", [](auto& s) -> auto& { return s.uptime; }),
      plain("anchor_age_ms", [](auto& s) -> auto& { return s.anchor_age; }),
      plain("handshakes", [](auto& s) -> auto& { return s.counts.handshakes; }),
      plain("operators", [](auto& s) -> auto& { return s.counts.operators; }),
      plain("refused", [](auto& s) -> auto& { return s.counts.refused; }),
      plain("served", [](auto& s) -> auto& { return s.counts.served; }),
      plain("denied", [](auto& s) -> auto& { return s.counts.denied; }),
      plain("administered", [](auto& s) -> auto& { return s.counts.administered; }),
      plain("channels", [](auto& s) -> auto& { return s.channels; }),
      plain("operator_channels", [](auto& s) -> auto& { return s.operator_channels; }),
      plain("secret_slabs", [](auto& s) -> auto& { return s.memory.slabs; }),
      plain("secret_bytes", [](auto& s) -> auto& { return s.memory.bytes_in_use; }),
      plain("secret_slabs_unlocked", [](auto& s) -> auto& { return s.memory.unlocked_slabs; }),
  };
  return all;
}
// clang-format on

Result<CustodianStatus> read_status(Reader& reader) {
  CustodianStatus status;
  std::set<std::string_view> seen;
  CONCORDAT_CHECK(base::cbor::for_each_entry(
      reader, kMaxMembers, [](Reader& r) { return r.read_text(kMaxText); },
      [&](std::string_view key) -> Status {
        const auto field = std::ranges::find(fields(), key, &Field::key);
        if (field == fields().end()) return reader.skip(kMaxDepth);
        if (!seen.insert(field->key).second) {
          return Error(Errc::malformed_response, std::string(key) + " comes twice");
        }
        return field->read(reader, status);
      }));
  for (const Field& field : fields()) {
    if (!seen.contains(field.key)) {
      return Error(Errc::malformed_response, "no " + std::string(field.key));
    }
  }
  CONCORDAT_CHECK(reader.finish());
  return status;
}

}  // namespace

Result<EnclaveFacts> read_facts(attest::NsmTransport& nsm, std::string version) {
  EnclaveFacts facts;
  facts.version = std::move(version);
  CONCORDAT_TRY(auto module, attest::nsm::describe_nsm(nsm));
  facts.module_id = std::move(module.module_id);
  constexpr std::array<std::uint8_t, 7> kShown{0, 1, 2, 3, 4, 8, attest::kAuthorityPcr};
  for (const std::uint8_t index : kShown) {
    CONCORDAT_TRY(const auto pcr, attest::nsm::describe_pcr(nsm, index));
    if (!pcr.data.is_zero()) facts.pcrs.emplace(index, pcr.data);
  }
  return facts;
}

Bytes encode(const CustodianStatus& status) {
  Writer out;
  out.map(fields().size());
  for (const Field& field : fields()) {
    out.text(field.key);
    field.write(out, status);
  }
  return std::move(out).take();
}

Result<CustodianStatus> decode_custodian_status(BytesView items) {
  Reader reader(items);
  auto status = read_status(reader);
  if (status || status.error().is(Errc::malformed_response)) return status;
  return Error(Errc::malformed_response, status.error().to_string());
}

}  // namespace concordat::keyservice
