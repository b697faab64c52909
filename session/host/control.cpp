#include "session/host/control.hpp"

#include <algorithm>

#include "attest/base/cbor_fixed.hpp"
#include "attest/base/secret_access.hpp"
#include "session/host/errc.hpp"

namespace concordat::session::host {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::SecretBytes;
namespace cbor = base::cbor;

enum Kind : std::uint64_t {
  kDescriptor = 1,
  kOrder,
  kInput,
  kBegin,
  kKeptStored,
  kResume,
  kFetched,
  kStage = 16,
  kResult,
  kReceipt,
  kKept,
  kEvidence,
  kEnded,
};

// Texts are cut, never refused: an error's detail may be long.
std::string_view cut(std::string_view text) {
  return text.substr(0, kControlText);
}

Bytes piece(Kind kind, BytesView bytes) {
  cbor::Writer writer;
  writer.array(2).uint(kind).bytes(bytes);
  return std::move(writer).take();
}

Bytes encode_part(const DescriptorPiece& part) {
  return piece(kDescriptor, part.bytes);
}
Bytes encode_part(const OrderedRun& part) {
  cbor::Writer writer;
  writer.array(5)
      .uint(kOrder)
      .uint(part.party)
      .uint(part.forming_ms)
      .array(part.authorities.size());
  for (const Bytes& authority : part.authorities)
    writer.bytes(authority);
  writer.bytes(part.kept);
  return std::move(writer).take();
}
Bytes encode_part(const BeginRun&) {
  cbor::Writer writer;
  writer.array(1).uint(kBegin);
  return std::move(writer).take();
}
Bytes encode_part(const KeptStored&) {
  cbor::Writer writer;
  writer.array(1).uint(kKeptStored);
  return std::move(writer).take();
}
Bytes encode_part(const ResumeRun& part) {
  return piece(kResume, part.session.view());
}
Bytes encode_part(const EndFetched&) {
  cbor::Writer writer;
  writer.array(1).uint(kFetched);
  return std::move(writer).take();
}
SecretBytes encode_input(const InputPiece& part) {
  cbor::Writer head;
  head.array(2).uint(kInput).bytes_head(part.bytes.size());
  auto out = SecretBytes::zeroed(head.view().size() + part.bytes.size());
  const auto to = out.expose_mutable(base::SecretAccess{});
  std::ranges::copy(head.view(), to.begin());
  std::ranges::copy(part.bytes.expose(base::SecretAccess{}),
                    to.begin() + static_cast<std::ptrdiff_t>(head.view().size()));
  return out;
}

Bytes encode_part(const StageReached& part) {
  cbor::Writer writer;
  writer.array(3).uint(kStage).text(cut(part.stage)).text(cut(part.detail));
  return std::move(writer).take();
}
Bytes encode_part(const ResultPiece& part) {
  return piece(kResult, part.bytes);
}
Bytes encode_part(const ReceiptPiece& part) {
  return piece(kReceipt, part.bytes);
}
Bytes encode_part(const KeptPiece& part) {
  return piece(kKept, part.bytes);
}
Bytes encode_part(const EvidencePiece& part) {
  cbor::Writer writer;
  writer.array(3).uint(kEvidence).uint(part.party).bytes(part.bytes);
  return std::move(writer).take();
}
Bytes encode_part(const RunEnded& part) {
  cbor::Writer writer;
  writer.array(5).uint(kEnded).text(cut(part.code)).text(cut(part.detail));
  writer.bytes(part.run ? part.run->view() : BytesView());
  writer.array(part.named.size());
  for (const auto& [party, why] : part.named)
    writer.array(2).uint(party).text(std::string_view(why).substr(0, kControlText / 4));
  return std::move(writer).take();
}

Result<PartyIndex> read_party(cbor::Reader& reader) {
  CONCORDAT_TRY(const std::uint64_t value, reader.read_uint());
  if (value == 0 || value > limits::kMaxParties) return Error(cbor::Errc::malformed, "no party");
  return static_cast<PartyIndex>(value);
}

Result<std::string> read_words(cbor::Reader& reader) {
  CONCORDAT_TRY(const std::string_view text, reader.read_text(kControlText));
  return std::string(text);
}

Result<OrderedRun> read_order(cbor::Reader& reader) {
  OrderedRun out;
  CONCORDAT_TRY(out.party, read_party(reader));
  CONCORDAT_TRY(out.forming_ms, reader.read_uint());
  CONCORDAT_TRY(const std::size_t count, reader.read_array(limits::kMaxParties));
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_TRY(Bytes authority, read_bytes(reader, kAuthorityBytes));
    out.authorities.push_back(std::move(authority));
  }
  CONCORDAT_TRY(out.kept, read_bytes(reader, kKeptBytes));
  return out;
}

Result<InputPiece> read_input(cbor::Reader& reader) {
  CONCORDAT_TRY(const BytesView bytes, reader.read_bytes(kControlPiece));
  InputPiece out{SecretBytes::zeroed(bytes.size())};
  std::ranges::copy(bytes, out.bytes.expose_mutable(base::SecretAccess{}).begin());
  return out;
}

Result<ResumeRun> read_resume(cbor::Reader& reader) {
  CONCORDAT_TRY(const DescriptorDigest session, read_fixed<DescriptorDigest>(reader));
  return ResumeRun{session};
}

Result<RunEnded> read_ended(cbor::Reader& reader) {
  RunEnded out;
  CONCORDAT_TRY(out.code, read_words(reader));
  CONCORDAT_TRY(out.detail, read_words(reader));
  CONCORDAT_TRY(const BytesView run, reader.read_bytes(RunId::kSize));
  if (!run.empty()) {
    CONCORDAT_TRY(out.run, RunId::from(run));
  }
  CONCORDAT_TRY(const std::size_t count, reader.read_array(limits::kMaxParties));
  for (std::size_t i = 0; i < count; ++i) {
    CONCORDAT_TRY(const std::size_t items, reader.read_array(2));
    if (items != 2) return Error(cbor::Errc::malformed, "want a party and a text");
    CONCORDAT_TRY(const PartyIndex party, read_party(reader));
    CONCORDAT_TRY(std::string why, read_words(reader));
    out.named.emplace_back(party, std::move(why));
  }
  return out;
}

// `Message` of the kind whose items `read` takes.
template <class Message, class Part>
Result<Message> as(Result<Part> part) {
  if (!part) return part.error();
  return Message(*std::move(part));
}
template <class Message, class Part>
Result<Message> as_piece(Result<Bytes> bytes) {
  if (!bytes) return bytes.error();
  return Message(Part{*std::move(bytes)});
}

struct Head {
  std::size_t items = 0;
  std::uint64_t kind = 0;
};
Result<Head> read_head(cbor::Reader& reader) {
  Head out;
  CONCORDAT_TRY(out.items, reader.read_array(5));
  CONCORDAT_TRY(out.kind, reader.read_uint());
  return out;
}

Result<ControlOrder> read_any_order(cbor::Reader& reader) {
  CONCORDAT_TRY(const Head head, read_head(reader));
  if (head.kind == kDescriptor && head.items == 2) {
    return as_piece<ControlOrder, DescriptorPiece>(read_bytes(reader, kControlPiece));
  }
  if (head.kind == kOrder && head.items == 5) return as<ControlOrder>(read_order(reader));
  if (head.kind == kInput && head.items == 2) return as<ControlOrder>(read_input(reader));
  if (head.kind == kBegin && head.items == 1) return ControlOrder(BeginRun{});
  if (head.kind == kKeptStored && head.items == 1) return ControlOrder(KeptStored{});
  if (head.kind == kResume && head.items == 2) return as<ControlOrder>(read_resume(reader));
  if (head.kind == kFetched && head.items == 1) return ControlOrder(EndFetched{});
  return Error(cbor::Errc::malformed, "no such order");
}

Result<ControlReport> read_evidence_piece(cbor::Reader& reader) {
  CONCORDAT_TRY(const PartyIndex party, read_party(reader));
  CONCORDAT_TRY(Bytes bytes, read_bytes(reader, kControlPiece));
  return ControlReport(EvidencePiece{party, std::move(bytes)});
}

Result<ControlReport> read_stage(cbor::Reader& reader) {
  CONCORDAT_TRY(std::string stage, read_words(reader));
  CONCORDAT_TRY(std::string detail, read_words(reader));
  return ControlReport(StageReached{std::move(stage), std::move(detail)});
}

Result<ControlReport> read_any_report(cbor::Reader& reader) {
  CONCORDAT_TRY(const Head head, read_head(reader));
  if (head.kind == kStage && head.items == 3) return read_stage(reader);
  if (head.kind == kResult && head.items == 2) {
    return as_piece<ControlReport, ResultPiece>(read_bytes(reader, kControlPiece));
  }
  if (head.kind == kReceipt && head.items == 2) {
    return as_piece<ControlReport, ReceiptPiece>(read_bytes(reader, kControlPiece));
  }
  if (head.kind == kKept && head.items == 2) {
    return as_piece<ControlReport, KeptPiece>(read_bytes(reader, kControlPiece));
  }
  if (head.kind == kEvidence && head.items == 3) return read_evidence_piece(reader);
  if (head.kind == kEnded && head.items == 5) return as<ControlReport>(read_ended(reader));
  return Error(cbor::Errc::malformed, "no such report");
}

template <class Message>
Result<Message> decode_whole(const SecretBytes& record, Result<Message> (*read)(cbor::Reader&)) {
  cbor::Reader reader(record.expose(base::SecretAccess{}));
  auto message = read(reader);
  if (!message) return Error(Errc::malformed_order, message.error().to_string());
  if (const auto whole = reader.finish(); !whole) {
    return Error(Errc::malformed_order, whole.error().to_string());
  }
  return message;
}

}  // namespace

std::vector<BytesView> in_pieces(BytesView bytes) {
  std::vector<BytesView> out;
  for (; !bytes.empty(); bytes = bytes.subspan(out.back().size()))
    out.push_back(bytes.first(std::min(bytes.size(), kControlPiece)));
  return out;
}

std::vector<ControlReport> reports_of(const Ended& ended) {
  std::vector<ControlReport> out;
  if (ended.output) {
    for (const BytesView piece : in_pieces(ended.output->result))
      out.emplace_back(ResultPiece{base::to_bytes(piece)});
  }
  for (const BytesView piece : in_pieces(ended.receipt))
    out.emplace_back(ReceiptPiece{base::to_bytes(piece)});
  RunEnded end{{}, {}, ended.run, {}};
  for (const Named& named : ended.named) {
    end.named.emplace_back(named.party, named.why);
    if (named.evidence.size() > kEvidenceBytes) continue;
    for (const BytesView piece : in_pieces(named.evidence))
      out.emplace_back(EvidencePiece{named.party, base::to_bytes(piece)});
  }
  if (!ended.status) {
    end.code = ended.status.error().name();
    end.detail = ended.status.error().to_string();
  }
  out.emplace_back(std::move(end));
  return out;
}

base::Status feed(const InputPiece& piece, Intake& intake, base::Sha256& digest) {
  const BytesView bytes = piece.bytes.expose(base::SecretAccess{});
  digest.update(bytes);
  return intake.feed(bytes);
}

SecretBytes encode(const ControlOrder& order) {
  if (const auto* input = std::get_if<InputPiece>(&order)) return encode_input(*input);
  Bytes out = std::visit(
      [](const auto& part) -> Bytes {
        if constexpr (std::is_same_v<std::decay_t<decltype(part)>, InputPiece>) {
          return {};
        } else {
          return encode_part(part);
        }
      },
      order);
  return SecretBytes::take(out);
}

Result<ControlOrder> decode_order(const SecretBytes& record) {
  return decode_whole<ControlOrder>(record, read_any_order);
}

Bytes encode(const ControlReport& report) {
  return std::visit([](const auto& part) { return encode_part(part); }, report);
}

Result<ControlReport> decode_report(const SecretBytes& record) {
  return decode_whole<ControlReport>(record, read_any_report);
}

}  // namespace concordat::session::host
