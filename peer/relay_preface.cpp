#include "peer/relay_preface.hpp"

#include <algorithm>
#include <array>

namespace concordat::peer {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;

constexpr std::array<std::uint8_t, 4> kMagic{'C', 'C', 'R', 'P'};
enum class PrefaceKind : std::uint8_t { target = 1, source = 2, answer = 3 };

constexpr std::string_view kEnclavePrefix = "enclave/";
constexpr std::string_view kEgressPrefix = "egress/";
constexpr std::string_view kParentPrefix = "parent/";
constexpr std::string_view kOperatorPrefix = "operator/";
constexpr std::string_view kParentHttp = "parent/http";
constexpr std::size_t kMaxSource = 255;

bool is_lower_alphanumeric(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

struct Head {
  PrefaceKind kind;
  std::size_t body;
};

// `bytes` holds at least the head.
Result<Head> parse_head(BytesView bytes) {
  if (!std::ranges::equal(bytes.first(kMagic.size()), kMagic)) {
    return Error(PrefaceErrc::not_a_preface, "begins with " + base::to_hex(bytes.first(4)));
  }
  if (bytes[4] != kPrefaceVersion) {
    return Error(PrefaceErrc::unknown_version, "version " + std::to_string(bytes[4]));
  }
  const auto kind = static_cast<PrefaceKind>(bytes[5]);
  if (kind != PrefaceKind::target && kind != PrefaceKind::source && kind != PrefaceKind::answer) {
    return Error(PrefaceErrc::unknown_kind, "kind " + std::to_string(bytes[5]));
  }
  const std::size_t body = static_cast<std::size_t>(bytes[6]) << 8 | bytes[7];
  if (body == 0 || body > kMaxPrefaceBody) {
    return Error(PrefaceErrc::bad_length, std::to_string(body) + " bytes of body, want 1 to " +
                                              std::to_string(kMaxPrefaceBody));
  }
  return Head{kind, body};
}

Result<Answer> parse_answer(BytesView body) {
  if (body.size() != 1 || body[0] >= kAnswerCount) {
    return Error(PrefaceErrc::bad_answer, base::to_hex(body.first(1)));
  }
  return static_cast<Answer>(body[0]);
}

Error bad_target(const char* why) {
  return Error(PrefaceErrc::bad_target, why);
}

Result<Target> parse_egress(std::string_view text) {
  const auto address = parse_host_port(text);
  if (!address) return Error(PrefaceErrc::bad_target, address.error().to_string());
  // One text a target, so that the allowlist is a comparison of strings.
  if (std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; })) {
    return bad_target("the host is not in lower case");
  }
  if (text.front() == '[') return bad_target("an IPv6 address cannot be an egress target");
  if (address->port == 0) return bad_target("port 0");
  return Target(EgressTarget{*address});
}

}  // namespace

base::CodeInfo describe(PrefaceErrc code) noexcept {
  switch (code) {
    case PrefaceErrc::not_a_preface:
      return {"not_a_preface", "the stream does not begin with a relay preface"};
    case PrefaceErrc::unknown_version:
      return {"unknown_version", "relay preface of an unknown version"};
    case PrefaceErrc::unknown_kind:
      return {"unknown_kind", "relay preface of an unknown kind"};
    case PrefaceErrc::bad_length:
      return {"bad_length", "relay preface of a length that is not allowed"};
    case PrefaceErrc::truncated:
      return {"truncated", "the relay preface ends early"};
    case PrefaceErrc::trailing_bytes:
      return {"trailing_bytes", "bytes after the relay preface"};
    case PrefaceErrc::unexpected_kind:
      return {"unexpected_kind", "relay preface of another kind than this side expects"};
    case PrefaceErrc::bad_target:
      return {"bad_target", "a target is enclave/NAME, egress/HOST:PORT or parent/http"};
    case PrefaceErrc::bad_source:
      return {"bad_source", "a source is enclave/NAME or parent/WHERE"};
    case PrefaceErrc::bad_answer:
      return {"bad_answer", "unknown answer in a relay preface"};
  }
  return {"unknown", "unknown relay preface error"};
}

bool is_enclave_name(std::string_view text) noexcept {
  if (text.empty() || text.size() > kMaxEnclaveName) return false;
  if (text.front() == '-' || text.back() == '-') return false;
  return std::ranges::all_of(text, [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
}

Result<Target> parse_target(std::string_view text) {
  if (text == kParentHttp) return Target(ParentHttpTarget{});
  if (text.starts_with(kEnclavePrefix)) {
    text.remove_prefix(kEnclavePrefix.size());
    if (!is_enclave_name(text)) return bad_target("the enclave's name is not a DNS label");
    return Target(EnclaveTarget{std::string(text)});
  }
  if (text.starts_with(kEgressPrefix)) return parse_egress(text.substr(kEgressPrefix.size()));
  return bad_target("no known prefix");
}

std::string to_string(const Target& target) {
  if (const auto* enclave = std::get_if<EnclaveTarget>(&target)) {
    return std::string(kEnclavePrefix) + enclave->name;
  }
  if (const auto* egress = std::get_if<EgressTarget>(&target)) {
    return std::string(kEgressPrefix) + egress->address.host + ":" +
           std::to_string(egress->address.port);
  }
  return std::string(kParentHttp);
}

Result<Source> parse_source(std::string_view text) {
  const bool prefixed = text.starts_with(kEnclavePrefix) || text.starts_with(kParentPrefix) ||
                        text.starts_with(kOperatorPrefix);
  const bool printable = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
  if (!prefixed || !printable || text.size() > kMaxSource) return Error(PrefaceErrc::bad_source);
  return Source{std::string(text)};
}

std::string_view name_of(Answer answer) noexcept {
  switch (answer) {
    case Answer::ok:
      return "ok";
    case Answer::unknown_target:
      return "unknown_target";
    case Answer::refused_by_limit:
      return "refused_by_limit";
    case Answer::unreachable:
      return "unreachable";
    case Answer::timed_out:
      return "timed_out";
    case Answer::malformed:
      return "malformed";
    case Answer::unknown_caller:
      return "unknown_caller";
  }
  return "unknown";
}

Bytes encode_preface(const Preface& preface) {
  PrefaceKind kind = PrefaceKind::answer;
  std::string body;
  if (const auto* target = std::get_if<Target>(&preface)) {
    kind = PrefaceKind::target;
    body = to_string(*target);
  } else if (const auto* source = std::get_if<Source>(&preface)) {
    kind = PrefaceKind::source;
    body = source->text;
  } else {
    body.push_back(static_cast<char>(std::get<Answer>(preface)));
  }
  Bytes out(kMagic.begin(), kMagic.end());
  out.push_back(kPrefaceVersion);
  out.push_back(static_cast<std::uint8_t>(kind));
  out.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  out.push_back(static_cast<std::uint8_t>(body.size() & 0xff));
  base::append(out, base::as_bytes(body));
  return out;
}

Result<std::size_t> preface_bytes_missing(BytesView so_far) {
  if (so_far.size() < kPrefaceHead) return kPrefaceHead - so_far.size();
  CONCORDAT_TRY(const Head head, parse_head(so_far));
  const std::size_t whole = kPrefaceHead + head.body;
  if (so_far.size() > whole) return Error(PrefaceErrc::trailing_bytes);
  return whole - so_far.size();
}

Result<Preface> decode_preface(BytesView bytes) {
  CONCORDAT_TRY(const std::size_t missing, preface_bytes_missing(bytes));
  if (missing != 0) {
    return Error(PrefaceErrc::truncated, std::to_string(missing) + " bytes missing");
  }
  CONCORDAT_TRY(const Head head, parse_head(bytes));
  const BytesView body = bytes.subspan(kPrefaceHead);
  switch (head.kind) {
    case PrefaceKind::target: {
      CONCORDAT_TRY(Target target, parse_target(base::as_text(body)));
      return Preface(std::move(target));
    }
    case PrefaceKind::source: {
      CONCORDAT_TRY(Source source, parse_source(base::as_text(body)));
      return Preface(std::move(source));
    }
    case PrefaceKind::answer:
      break;
  }
  CONCORDAT_TRY(const Answer answer, parse_answer(body));
  return Preface(answer);
}

}  // namespace concordat::peer
