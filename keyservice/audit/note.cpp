#include "keyservice/audit/note.hpp"

#include <algorithm>
#include <optional>

#include "attest/base/hash.hpp"
#include "attest/base/utf8.hpp"
#include "policy/public_key.hpp"

namespace concordat::keyservice::audit {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;

constexpr std::string_view kEmDash = "\xe2\x80\x94 ";
constexpr std::size_t kKeyIdSize = 4;
constexpr std::size_t kKeyIdDigits = 2 * kKeyIdSize;

Bytes with_type(NoteKeyType type, const policy::SignerKey& key) {
  Bytes out{static_cast<std::uint8_t>(type)};
  base::append(out, key.view());
  return out;
}

std::uint32_t number(BytesView big_endian) {
  std::uint32_t out = 0;
  for (const std::uint8_t byte : big_endian.first(kKeyIdSize))
    out = out << 8 | byte;
  return out;
}

Bytes key_id_bytes(std::uint32_t id) {
  return {static_cast<std::uint8_t>(id >> 24), static_cast<std::uint8_t>(id >> 16),
          static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
}

// RFC 4648 has one spelling for bytes; readers that take others let a note be changed unseen.
std::optional<Bytes> from_canonical_base64(std::string_view text) {
  auto bytes = base::from_base64(text);
  if (!bytes || base::to_base64(*bytes) != text) return std::nullopt;
  return *std::move(bytes);
}

Status check_characters(std::string_view text) {
  const auto is_control = [](unsigned char c) { return c < 0x20 && c != '\n'; };
  const auto control =
      static_cast<std::size_t>(std::ranges::find_if(text, is_control) - text.begin());
  const std::size_t at =
      std::min(control, base::find_not_utf8(base::as_bytes(text)).value_or(text.size()));
  if (at == text.size()) return {};
  return Error(Errc::malformed_note,
               "byte " + std::to_string(at) + " is no character that a note may hold");
}

// Unicode's White_Space, as UTF-8.
constexpr std::string_view kSpaces[] = {" ",
                                        "\t",
                                        "\n",
                                        "\v",
                                        "\f",
                                        "\r",
                                        "\xc2\x85",
                                        "\xc2\xa0",
                                        "\xe1\x9a\x80",
                                        "\xe2\x80\x80",
                                        "\xe2\x80\x81",
                                        "\xe2\x80\x82",
                                        "\xe2\x80\x83",
                                        "\xe2\x80\x84",
                                        "\xe2\x80\x85",
                                        "\xe2\x80\x86",
                                        "\xe2\x80\x87",
                                        "\xe2\x80\x88",
                                        "\xe2\x80\x89",
                                        "\xe2\x80\x8a",
                                        "\xe2\x80\xa8",
                                        "\xe2\x80\xa9",
                                        "\xe2\x80\xaf",
                                        "\xe2\x81\x9f",
                                        "\xe3\x80\x80"};

Result<NoteSignature> read_signature(std::string_view line, std::size_t number_of_line) {
  const auto fail = [number_of_line](std::string_view why) {
    return Error(Errc::malformed_note,
                 "line " + std::to_string(number_of_line) + ": " + std::string(why));
  };
  if (!line.starts_with(kEmDash)) return fail("a signature begins with an em dash and a space");
  line.remove_prefix(kEmDash.size());
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return fail("no signature after the key's name");
  NoteSignature out{std::string(line.substr(0, space)), 0, {}, number_of_line};
  if (!check_key_name(out.name)) return fail("no name of a key");
  const auto bytes = from_canonical_base64(line.substr(space + 1));
  if (!bytes || bytes->size() <= kKeyIdSize) return fail("no base64 of key id and signature");
  out.key_id = number(*bytes);
  out.signature.assign(bytes->begin() + kKeyIdSize, bytes->end());
  return out;
}

}  // namespace

Status check_key_name(std::string_view name) {
  const bool has_space = std::ranges::any_of(kSpaces, [name](std::string_view space) {
    return name.find(space) != std::string_view::npos;
  });
  if (name.empty() || name.size() > kMaxKeyNameSize || has_space ||
      name.find('+') != std::string_view::npos || !check_characters(name)) {
    return Error(Errc::malformed_verifier_key, "a key's name has 1 to " +
                                                   std::to_string(kMaxKeyNameSize) +
                                                   " bytes, without spaces and \"+\"");
  }
  return {};
}

NoteVerifier::NoteVerifier(std::string name, NoteKeyType type, const policy::SignerKey& key)
    : name_(std::move(name)),
      type_(type),
      key_(key),
      key_id_(
          number(base::sha256({base::as_bytes(name_), base::as_bytes("\n"), with_type(type, key)})
                     .view())) {}

Result<NoteVerifier> NoteVerifier::create(std::string name, NoteKeyType type,
                                          const policy::SignerKey& key) {
  CONCORDAT_CHECK(check_key_name(name));
  if (!policy::is_public_key(key)) {
    return Error(Errc::malformed_verifier_key, "the bytes are nobody's Ed25519 key");
  }
  return NoteVerifier(std::move(name), type, key);
}

Result<NoteVerifier> NoteVerifier::parse(std::string_view text) {
  const auto fail = [](std::string_view why) {
    return Error(Errc::malformed_verifier_key, std::string(why));
  };
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos || second - first - 1 != kKeyIdDigits) {
    return fail("want NAME+KEYID+KEY, the key id in 8 hex digits");
  }
  const auto bytes = from_canonical_base64(text.substr(second + 1));
  if (!bytes || bytes->size() != 1 + policy::SignerKey::kSize) {
    return fail("want base64 of a type and an Ed25519 key behind the second \"+\"");
  }
  const auto type = static_cast<NoteKeyType>(bytes->front());
  if (type != NoteKeyType::ed25519 && type != NoteKeyType::cosignature) {
    return fail("type " + std::to_string(bytes->front()) + " is not 1 (Ed25519) or 4 (witness)");
  }
  CONCORDAT_TRY(const auto key, policy::SignerKey::from(BytesView(*bytes).subspan(1)));
  CONCORDAT_TRY(auto out, create(std::string(text.substr(0, first)), type, key));
  if (out.encode() != text) return fail("the key id is not of this name and key");
  return out;
}

std::string NoteVerifier::encode() const {
  return name_ + "+" + base::to_hex(key_id_bytes(key_id_)) + "+" +
         base::to_base64(with_type(type_, key_));
}

Result<Note> Note::parse(BytesView encoded) {
  const std::string_view whole = base::as_text(encoded);
  if (whole.size() > kMaxNote) {
    return Error(Errc::malformed_note,
                 std::to_string(whole.size()) + " bytes, " + std::to_string(kMaxNote) + " allowed");
  }
  CONCORDAT_CHECK(check_characters(whole));
  const std::size_t end_of_text = whole.rfind("\n\n");
  if (end_of_text == std::string_view::npos || end_of_text == 0) {
    return Error(Errc::malformed_note, "no text before an empty line");
  }
  if (!whole.ends_with('\n')) return Error(Errc::malformed_note, "no line feed at the end");
  Note out{std::string(whole.substr(0, end_of_text + 1)), {}};
  auto line_number = static_cast<std::size_t>(std::ranges::count(out.text, '\n')) + 2;
  for (std::string_view rest = whole.substr(end_of_text + 2); !rest.empty(); ++line_number) {
    if (out.signatures.size() == kMaxNoteSignatures) {
      return Error(Errc::malformed_note,
                   "more than " + std::to_string(kMaxNoteSignatures) + " signatures");
    }
    const std::size_t end = rest.find('\n');
    CONCORDAT_TRY(auto signature, read_signature(rest.substr(0, end), line_number));
    out.signatures.push_back(std::move(signature));
    rest.remove_prefix(end + 1);
  }
  if (out.signatures.empty()) return Error(Errc::malformed_note, "no signature");
  return out;
}

Bytes Note::encode() const {
  std::string out = text + "\n";
  for (const NoteSignature& signature : signatures) {
    Bytes bytes = key_id_bytes(signature.key_id);
    base::append(bytes, signature.signature);
    out += std::string(kEmDash) + signature.name + " " + base::to_base64(bytes) + "\n";
  }
  return base::to_bytes(base::as_bytes(out));
}

std::vector<const NoteSignature*> Note::signatures_of(const NoteVerifier& verifier) const {
  std::vector<const NoteSignature*> out;
  for (const NoteSignature& signature : signatures) {
    if (signature.name == verifier.name() && signature.key_id == verifier.key_id()) {
      out.push_back(&signature);
    }
  }
  return out;
}

Status Note::verify(const NoteVerifier& verifier) const {
  const auto own = signatures_of(verifier);
  if (own.empty()) return Error(Errc::unknown_key, "no signature by " + verifier.encode());
  for (const NoteSignature* signature : own) {
    const auto bytes = policy::Signature::from(signature->signature);
    if (verifier.type() != NoteKeyType::ed25519 || !bytes ||
        !policy::check_signature(*bytes, base::as_bytes(text), verifier.key())) {
      return Error(Errc::signature_invalid,
                   "line " + std::to_string(signature->line) + ", by " + verifier.encode());
    }
  }
  return {};
}

Status Note::sign(const std::string& name, const policy::Signer& signer) {
  CONCORDAT_TRY(const auto verifier,
                NoteVerifier::create(name, NoteKeyType::ed25519, signer.public_key()));
  CONCORDAT_TRY(const auto signature, signer.sign(base::as_bytes(text)));
  signatures.push_back({name, verifier.key_id(), base::to_bytes(signature.view()), 0});
  return {};
}

}  // namespace concordat::keyservice::audit
