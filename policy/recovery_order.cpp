#include "policy/recovery_order.hpp"

#include <nlohmann/json.hpp>

#include "policy/errc.hpp"
#include "policy/field_reader.hpp"
#include "policy/limits.hpp"

namespace concordat::policy {
namespace {

using base::Error;
using base::Result;
using base::Status;

constexpr std::size_t kTimeLength = 32;
const std::string kReplacesNone = "none";
constexpr json::Bounds kOrderBounds{limits::kOrderBytes, 2, 16};

template <class Order>
constexpr std::string_view kOrderFormat = "concordat/recovery-make/1";
template <>
constexpr std::string_view kOrderFormat<RestoreOrder> = "concordat/recovery-restore/1";

template <class Fixed>
void read_fixed_hex(const json::Fields& fields, std::string_view key, Fixed& out) {
  const auto value = Fixed::from_hex(fields.text(key, 2 * Fixed::kSize));
  if (value) {
    out = *value;
  } else {
    fields.error(PolicyErrc::bad_value, key,
                 "want " + std::to_string(2 * Fixed::kSize) + " hex digits");
  }
}

template <class Order>
void read_common(const json::Fields& fields, Order& out) {
  if (fields.text("format", limits::kNameLength) != kOrderFormat<Order>) {
    fields.error(PolicyErrc::bad_value, "format", "want " + quote(kOrderFormat<Order>));
  }
  out.realm = fields.text("realm", limits::kNameLength);
  read_fixed_hex(fields, "policy", out.policy);
  read_fixed_hex(fields, "set", out.set);
  out.generation =
      static_cast<std::uint32_t>(fields.integer("generation", 1, limits::kMaxGeneration));
  read_fixed_hex(fields, "challenge", out.challenge);
  const auto time = base::parse_rfc3339(fields.text("not_after", kTimeLength));
  if (time) {
    out.not_after = *time;
  } else {
    fields.error(PolicyErrc::bad_value, "not_after", time.error().to_string());
  }
}

void read(const json::Value& root, const json::Path& path, json::Report& report, MakeOrder& out) {
  const json::Fields fields(
      root, path, report,
      {"format", "realm", "policy", "set", "generation", "replaces", "challenge", "not_after"});
  read_common(fields, out);
  if (fields.text("replaces", 2 * RecoverySetId::kSize) != kReplacesNone) {
    read_fixed_hex(fields, "replaces", out.replaces.emplace());
  }
}

void read(const json::Value& root, const json::Path& path, json::Report& report,
          RestoreOrder& out) {
  const json::Fields fields(root, path, report,
                            {"format", "realm", "policy", "set", "set_digest", "generation",
                             "target", "challenge", "not_after"});
  read_common(fields, out);
  read_fixed_hex(fields, "set_digest", out.set_digest);
  read_fixed_hex(fields, "target", out.target);
}

}  // namespace

base::CodeInfo describe(OrderErrc code) noexcept {
  switch (code) {
    case OrderErrc::malformed:
      return {"order_malformed", "not an order of this kind"};
    case OrderErrc::other_realm:
      return {"order_other_realm", "the order is for another realm"};
    case OrderErrc::other_policy:
      return {"order_other_policy", "the order is for another policy than the one in force"};
    case OrderErrc::expired:
      return {"order_expired", "the order has ended"};
    case OrderErrc::too_far_ahead:
      return {"order_too_long", "the order ends later than an order may"};
  }
  return {"unknown", "unknown error of orders"};
}

std::string encode(const MakeOrder& order) {
  const nlohmann::ordered_json out = {
      {"format", kOrderFormat<MakeOrder>},
      {"realm", order.realm},
      {"policy", order.policy.hex()},
      {"set", order.set.hex()},
      {"generation", order.generation},
      {"replaces", order.replaces ? order.replaces->hex() : kReplacesNone},
      {"challenge", order.challenge.hex()},
      {"not_after", base::format_rfc3339(order.not_after)}};
  return out.dump();
}

std::string encode(const RestoreOrder& order) {
  const nlohmann::ordered_json out = {{"format", kOrderFormat<RestoreOrder>},
                                      {"realm", order.realm},
                                      {"policy", order.policy.hex()},
                                      {"set", order.set.hex()},
                                      {"set_digest", order.set_digest.hex()},
                                      {"generation", order.generation},
                                      {"target", order.target.hex()},
                                      {"challenge", order.challenge.hex()},
                                      {"not_after", base::format_rfc3339(order.not_after)}};
  return out.dump();
}

template <class Order>
Result<Order> parse_order(std::string_view payload) {
  const json::Parsed parsed = json::parse(payload, kOrderBounds);
  if (!parsed.root) return Error(OrderErrc::malformed, parsed.why.to_string());
  const json::Path path;
  json::Report report;
  Order out;
  read(*parsed.root, path, report, out);
  const Findings findings = std::move(report).take(payload, *parsed.root);
  if (!findings.empty()) return Error(OrderErrc::malformed, findings.front().to_string());
  return out;
}

template <class Order>
Status check_order(const Order& order, const Policy& policy, base::UnixMillis now) {
  if (order.realm != policy.realm()) {
    return Error(OrderErrc::other_realm,
                 "it names " + quote(order.realm) + ", this is " + quote(policy.realm()));
  }
  if (order.policy != policy.digest()) {
    return Error(OrderErrc::other_policy,
                 "it names " + order.policy.hex() + "; in force is serial " +
                     std::to_string(policy.serial()) + ", digest " + policy.digest().hex());
  }
  if (now >= order.not_after) {
    return Error(OrderErrc::expired, "at " + base::format_rfc3339(order.not_after) + ", now is " +
                                         base::format_rfc3339(now));
  }
  if (order.not_after - now > limits::kOrderLife) {
    return Error(OrderErrc::too_far_ahead,
                 "at " + base::format_rfc3339(order.not_after) + "; at most " +
                     std::to_string(limits::kOrderLife.count()) + " hours from now");
  }
  return {};
}

template <class Order>
Result<SignedOrder<Order>> verify_order(base::BytesView envelope,
                                        const attest::AuthorityDescriptor& authority,
                                        const Policy& policy, base::UnixMillis now) {
  if (envelope.size() > limits::kOrderEnvelopeBytes) {
    return Error(OrderErrc::malformed,
                 "larger than " + std::to_string(limits::kOrderEnvelopeBytes) + " bytes");
  }
  CONCORDAT_TRY(const Envelope parsed, Envelope::parse(envelope));
  CONCORDAT_CHECK(verify_envelope(parsed, Order::kPayloadType, authority));
  CONCORDAT_TRY(Order order, parse_order<Order>(base::as_text(parsed.payload)));
  CONCORDAT_CHECK(check_order(order, policy, now));
  CONCORDAT_TRY(const OrderDigest digest, OrderDigest::from(base::sha256({parsed.payload}).view()));
  return SignedOrder<Order>{std::move(order), digest};
}

template Result<MakeOrder> parse_order<MakeOrder>(std::string_view);
template Result<RestoreOrder> parse_order<RestoreOrder>(std::string_view);
template Status check_order<MakeOrder>(const MakeOrder&, const Policy&, base::UnixMillis);
template Status check_order<RestoreOrder>(const RestoreOrder&, const Policy&, base::UnixMillis);
template Result<SignedOrder<MakeOrder>> verify_order<MakeOrder>(base::BytesView,
                                                                const attest::AuthorityDescriptor&,
                                                                const Policy&, base::UnixMillis);
template Result<SignedOrder<RestoreOrder>> verify_order<RestoreOrder>(
    base::BytesView, const attest::AuthorityDescriptor&, const Policy&, base::UnixMillis);

}  // namespace concordat::policy
