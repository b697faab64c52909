#include "session/receipt.hpp"

#include "attest/base/cbor_fixed.hpp"
#include "policy/limits.hpp"
#include "session/messaging/statements.hpp"
#include "session/shown_group.hpp"

namespace concordat::session {
namespace {

using base::Bytes;
using base::BytesView;
using base::Error;
using base::Result;
using base::Status;
namespace cbor = base::cbor;

constexpr std::string_view kReceiptDomain = "concordat/session-receipt/1";
constexpr std::size_t kReceiptItems = 8;

// What was read of a receipt.
struct ReceiptFields {
  PartyIndex party = 0;
  ShownGroup group;
  std::vector<policy::Signature> confirmations;
  std::string protocol;
  base::Sha256Digest result;
  base::UnixMillis time;
  policy::Signature signature;
};

Bytes receipt_message(const RunId& run, PartyIndex party, std::string_view protocol,
                      const base::Sha256Digest& result, base::UnixMillis time) {
  cbor::Writer writer;
  writer.array(5)
      .bytes(run.view())
      .uint(party)
      .text(protocol)
      .bytes(result.view())
      .uint(static_cast<std::uint64_t>(time.value));
  Bytes out = base::to_bytes(base::as_bytes(kReceiptDomain));
  out.push_back(0);
  base::append(out, writer.view());
  return out;
}

Result<ReceiptFields> read_receipt(BytesView encoded) {
  if (encoded.size() > limits::kReceiptBytes) return Error(cbor::Errc::too_large);
  cbor::Reader reader(encoded);
  CONCORDAT_CHECK(want_array(reader, kReceiptItems));
  CONCORDAT_TRY(const std::string_view domain, reader.read_text(kReceiptDomain.size()));
  if (domain != kReceiptDomain) return Error(cbor::Errc::malformed, "another domain");
  ReceiptFields out;
  CONCORDAT_TRY(const std::uint64_t party, reader.read_uint());
  if (party == 0 || party > limits::kMaxParties) return Error(cbor::Errc::too_large, "party");
  out.party = static_cast<PartyIndex>(party);
  CONCORDAT_TRY(out.group, read_group(reader));
  const std::size_t seats = out.group.seats.size();
  CONCORDAT_CHECK(want_array(reader, seats));
  for (std::size_t i = 0; i < seats; ++i) {
    CONCORDAT_TRY(out.confirmations.emplace_back(), read_fixed<policy::Signature>(reader));
  }
  CONCORDAT_TRY(const std::string_view protocol, reader.read_text(policy::limits::kProtocolLength));
  out.protocol = protocol;
  CONCORDAT_TRY(out.result, read_fixed<base::Sha256Digest>(reader));
  CONCORDAT_TRY(const std::uint64_t time, reader.read_uint());
  if (time > policy::limits::kInteger) return Error(cbor::Errc::too_large, "time");
  out.time = {static_cast<std::int64_t>(time)};
  CONCORDAT_TRY(out.signature, read_fixed<policy::Signature>(reader));
  CONCORDAT_CHECK(reader.finish());
  return out;
}

Status check_confirmation(const DescriptorFields& fields, const RunId& run, const RosterSeat& seat,
                          const base::Sha256Digest& result, const policy::Signature& signature) {
  const Bytes statement = messaging::Statements(run).result(seat.index, result);
  if (policy::check_signature(signature, statement, seat.key)) return {};
  return Error(ReceiptErrc::not_confirmed, "by " + fields.name_of(seat.index));
}

// What a run that went as it should can't lack: found here, and not by who verifies years later.
Status check_confirmations(const FormedSession& session, const base::Sha256Digest& result,
                           const Confirmations& confirmations) {
  const DescriptorFields& fields = session.descriptor->fields();
  for (const RosterSeat& seat : session.roster.seats) {
    const auto found = confirmations.find(seat.index);
    if (found == confirmations.end()) {
      return Error(ReceiptErrc::not_confirmed, "none of " + fields.name_of(seat.index));
    }
    CONCORDAT_CHECK(check_confirmation(fields, session.run, seat, result, found->second));
  }
  if (confirmations.size() == session.roster.seats.size()) return {};
  return Error(ReceiptErrc::not_confirmed, "by who has no seat");
}

}  // namespace

Result<Bytes> make_receipt(const FormedSession& session, const policy::Signer& key,
                           BytesView result, const Confirmations& confirmations,
                           base::UnixMillis time) {
  const std::string& protocol = session.descriptor->fields().protocol;
  const base::Sha256Digest digest = base::sha256({result});
  CONCORDAT_CHECK(check_confirmations(session, digest, confirmations));
  CONCORDAT_TRY(const policy::Signature signature,
                key.sign(receipt_message(session.run, session.self, protocol, digest, time)));
  cbor::Writer writer;
  writer.array(kReceiptItems).text(kReceiptDomain).uint(session.self);
  write_group(writer, session);
  writer.array(confirmations.size());
  for (const auto& [index, confirmation] : confirmations)
    writer.bytes(confirmation.view());
  writer.text(protocol)
      .bytes(digest.view())
      .uint(static_cast<std::uint64_t>(time.value))
      .bytes(signature.view());
  return std::move(writer).take();
}

Result<VerifiedReceipt> verify_receipt(BytesView receipt,
                                       std::span<const attest::AuthorityDescriptor> authorities,
                                       const attest::TrustAnchors& anchors) {
  const auto read = read_receipt(receipt);
  if (!read) return Error(ReceiptErrc::malformed, read.error().to_string());
  CONCORDAT_TRY(VerifiedGroup group, verify_group(read->group, authorities, anchors));
  VerifiedReceipt out;
  out.descriptor = std::move(group.descriptor);
  out.roster = std::move(group.roster);
  out.run = group.run;
  out.claims = std::move(group.claims);
  const DescriptorFields& fields = out.descriptor->fields();
  if (read->protocol != fields.protocol) return Error(ReceiptErrc::other_session);
  if (fields.party(read->party) == nullptr) return Error(ReceiptErrc::malformed, "of no party");
  for (std::size_t i = 0; i < out.roster.seats.size(); ++i) {
    CONCORDAT_CHECK(check_confirmation(fields, out.run, out.roster.seats[i], read->result,
                                       read->confirmations[i]));
  }
  out.party = read->party;
  out.result = read->result;
  out.time = read->time;
  const Bytes message = receipt_message(out.run, out.party, read->protocol, out.result, out.time);
  if (!policy::check_signature(read->signature, message, out.roster.seat(out.party)->key)) {
    return Error(ReceiptErrc::not_signed, "the receipt, by " + fields.name_of(out.party));
  }
  if (out.time < fields.not_before || out.time > fields.deadline) {
    return Error(ReceiptErrc::outside_session, "at " + base::format_rfc3339(out.time));
  }
  return out;
}

}  // namespace concordat::session
