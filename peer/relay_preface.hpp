// The relay preface: the few bytes before a relayed stream by which an enclave names the target it
// wants, the parent answers, and the parent tells the enclave it dials who is calling.
// Specification: peer/PROTOCOL.md, "Relay preface". Nothing in it is trusted by an enclave: the
// parent writes what it likes, and the handshake that follows decides.
//
//   0  4  magic "CCRP"
//   4  1  version, 1
//   5  1  kind: 1 target, 2 source, 3 answer
//   6  2  length N of the body, big-endian, 1 to 320
//   8  N  body: target and source as text, answer as one byte
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "attest/base/bytes.hpp"
#include "peer/endpoint.hpp"

namespace concordat::peer {

enum class PrefaceErrc {
  not_a_preface = 1,
  unknown_version,
  unknown_kind,
  bad_length,
  truncated,
  trailing_bytes,
  unexpected_kind,
  bad_target,
  bad_source,
  bad_answer,
};
[[nodiscard]] base::CodeInfo describe(PrefaceErrc code) noexcept;
[[nodiscard]] constexpr const char* category_name(PrefaceErrc) {
  return "relay_preface";
}
[[nodiscard]] inline boost::system::error_code make_error_code(PrefaceErrc e) {
  return base::enum_code(e);
}

inline constexpr std::uint8_t kPrefaceVersion = 1;
inline constexpr std::size_t kPrefaceHead = 8;
// "egress/" with the longest host name and port is 266 bytes; the rest is room to grow.
inline constexpr std::size_t kMaxPrefaceBody = 320;
inline constexpr std::size_t kMaxPreface = kPrefaceHead + kMaxPrefaceBody;
inline constexpr std::size_t kMaxEnclaveName = 63;

// What an enclave may ask the relay for.
struct EnclaveTarget {
  std::string name;  // is_enclave_name
  friend bool operator==(const EnclaveTarget&, const EnclaveTarget&) = default;
};
struct EgressTarget {
  TcpEndpoint address;  // a host name in lower case or an IPv4 address
  friend bool operator==(const EgressTarget&, const EgressTarget&) = default;
};
struct ParentHttpTarget {  // the parent's own small HTTP service
  friend bool operator==(const ParentHttpTarget&, const ParentHttpTarget&) = default;
};
using Target = std::variant<EnclaveTarget, EgressTarget, ParentHttpTarget>;

// 1 to 63 of a-z, 0-9 and '-', not beginning or ending with '-' (a DNS label, RFC 1123).
[[nodiscard]] bool is_enclave_name(std::string_view text) noexcept;
// "enclave/NAME", "egress/HOST:PORT" or "parent/http", and nothing else.
[[nodiscard]] base::Result<Target> parse_target(std::string_view text);
[[nodiscard]] std::string to_string(const Target& target);

// Who calls, as the parent says: "enclave/NAME", "parent/WHERE" or "operator/WHERE", 1 to 255
// printable ASCII characters without space. For logs only.
struct Source {
  std::string text;
  friend bool operator==(const Source&, const Source&) = default;
};
[[nodiscard]] base::Result<Source> parse_source(std::string_view text);

// The relay's answer to a target. Values are on the wire.
enum class Answer : std::uint8_t {
  ok = 0,                // from here on the stream is the target's
  unknown_target = 1,    // the parent's configuration does not name it
  refused_by_limit = 2,  // the caller has too many streams or opens them too fast; try later
  unreachable = 3,       // nobody listens there now; try later
  timed_out = 4,         // the preface or the target's answer did not come in time
  malformed = 5,         // not a target preface of a known version
  unknown_caller = 6,    // the parent does not know the enclave that calls
};
inline constexpr std::size_t kAnswerCount = 7;
// Stable snake_case name, as in logs and metrics.
[[nodiscard]] std::string_view name_of(Answer answer) noexcept;

using Preface = std::variant<Target, Source, Answer>;

[[nodiscard]] base::Bytes encode_preface(const Preface& preface);
// Exactly one preface.
[[nodiscard]] base::Result<Preface> decode_preface(base::BytesView bytes);

// How many more bytes belong to the preface that begins with `so_far`; 0 when it is complete. Read
// exactly that many and ask again: what follows the preface belongs to the stream.
[[nodiscard]] base::Result<std::size_t> preface_bytes_missing(base::BytesView so_far);

}  // namespace concordat::peer
