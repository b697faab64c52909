#include "keyservice/admin_answer.hpp"

#include "attest/base/cbor.hpp"
#include "keyservice/admin_keys.hpp"
#include "keyservice/error.hpp"
#include "keyservice/limits.hpp"
#include "policy/key_pattern.hpp"

namespace concordat::keyservice {
namespace {

using base::Bytes;
using base::Result;
using base::Status;
using base::cbor::Writer;

class OneRecord final : public AdminAnswer {
 public:
  explicit OneRecord(Bytes record) : record_(std::move(record)) {}
  std::optional<Bytes> next() override { return std::exchange(record_, std::nullopt); }

 private:
  std::optional<Bytes> record_;
};

// Parts until there is nothing left to show, then what closes them.
class Parts : public AdminAnswer {
 public:
  explicit Parts(Listing listing) : listing_(std::move(listing)) {}

  std::optional<Bytes> next() final {
    if (is_over_) return std::nullopt;
    try {
      return next_part();
    } catch (const std::bad_alloc&) {  // the parts before are not the whole
      is_over_ = true;
      return encode_failure(listing_.id, failure_of(base::Error(Errc::out_of_memory)));
    }
  }

 protected:
  // Writes what comes next; how many items, 0: nothing is left.
  [[nodiscard]] virtual std::size_t show(Writer& items) = 0;
  // The one item of the last record.
  [[nodiscard]] virtual Bytes close() = 0;

  [[nodiscard]] const Custody& custody() const noexcept { return listing_.custody; }
  [[nodiscard]] const KeyTable& keys() const noexcept { return listing_.custody.keyring().keys(); }

 private:
  [[nodiscard]] Bytes next_part() {
    if (const Status ready = listing_.custody.check(*listing_.policy); !ready) {
      is_over_ = true;
      return encode_failure(listing_.id, failure_of(ready.error()));
    }
    Writer items;
    if (const std::size_t count = show(items); count != 0) {
      return encode_part(listing_.id, count, items.view());
    }
    is_over_ = true;
    return encode_last(listing_.id, 1, close());
  }

  Listing listing_;
  bool is_over_ = false;
};

class KeyList final : public Parts {
 public:
  KeyList(Listing listing, std::string pattern)
      : Parts(std::move(listing)), pattern_(std::move(pattern)) {
    if (pattern_.ends_with('*')) prefix_ = pattern_.substr(0, pattern_.size() - 1);
    after_ = prefix_;
  }

 private:
  std::size_t show(Writer& items) override {
    const std::vector<KeySummary> page = next_page();
    for (const KeySummary& key : page)
      items.raw(encode(ShownKey{key, true}));
    if (!page.empty()) after_ = page.back().name;
    shown_ += page.size();
    return page.size();
  }
  [[nodiscard]] std::vector<KeySummary> next_page() const {
    if (!pattern_.ends_with('*')) {
      const auto one = keys().describe(pattern_);
      return one && shown_ == 0 ? std::vector{one->summary} : std::vector<KeySummary>();
    }
    std::vector<KeySummary> page = keys().list(after_, kListedKeys);
    // Names that begin alike stand together.
    std::erase_if(page, [this](const KeySummary& key) { return !key.name.starts_with(prefix_); });
    return page;
  }
  Bytes close() override { return encode_key_count(shown_); }

  std::string pattern_, prefix_, after_;
  std::uint64_t shown_ = 0;
};

class KeyVersions final : public Parts {
 public:
  KeyVersions(Listing listing, std::string name)
      : Parts(std::move(listing)), name_(std::move(name)) {}

 private:
  std::size_t show(Writer& items) override {
    const KeyRecord* const record = keys().find(name_);
    if (record == nullptr) {
      if (std::exchange(shown_, 1) != 0) return 0;
      items.raw(encode(shown(KeyType::derived, implicit_version())));
      return 1;
    }
    const auto& versions = record->key.versions;
    const std::size_t from = shown_;
    for (; shown_ < versions.size() && shown_ < from + kShownVersions; ++shown_)
      items.raw(encode(shown(record->key.type, versions[shown_])));
    return shown_ - from;
  }
  Bytes close() override {
    if (auto described = keys().describe(name_)) {
      return encode(ShownKey{std::move(described->summary), true});
    }
    KeySummary implicit;
    implicit.name = name_;
    implicit.exportable = true;
    implicit.minimum_version = 1;
    implicit.newest_version = 1;
    return encode(ShownKey{std::move(implicit), false});
  }

  [[nodiscard]] KeyVersion implicit_version() const {
    KeyVersion version;
    version.version = 1;
    version.root_generation = custody().implicit_generation();
    return version;
  }
  [[nodiscard]] ShownVersion shown(KeyType type, const KeyVersion& version) const {
    return {description_of(version), public_half(type, version)};
  }
  // Of disabled ones and those below the minimum, too: what they signed is still to be verified.
  [[nodiscard]] std::optional<PublicKey> public_half(KeyType type,
                                                     const KeyVersion& version) const {
    if (version.state == VersionState::destroyed) return std::nullopt;
    const bool is_derived = type == KeyType::derived;
    const auto key = custody().in_use(
        name_, {type, false, version.version, version.origin, version.root_generation,
                is_derived ? nullptr : &version.material});
    if (!key) return std::nullopt;  // its root generation is not held
    auto half = public_key(*key);
    return half ? std::optional(*std::move(half)) : std::nullopt;
  }

  std::string name_;
  std::size_t shown_ = 0;
};

}  // namespace

std::unique_ptr<AdminAnswer> one_record(Bytes record) {
  return std::make_unique<OneRecord>(std::move(record));
}

Result<std::unique_ptr<AdminAnswer>> list_keys(Listing listing, std::string pattern) {
  CONCORDAT_CHECK(policy::check_key_pattern(pattern));
  CONCORDAT_CHECK(listing.custody.check(*listing.policy));
  return std::unique_ptr<AdminAnswer>(
      std::make_unique<KeyList>(std::move(listing), std::move(pattern)));
}

Result<std::unique_ptr<AdminAnswer>> describe_key(Listing listing, std::string name) {
  CONCORDAT_CHECK(policy::check_key_name(name));
  CONCORDAT_CHECK(listing.custody.check(*listing.policy));
  return std::unique_ptr<AdminAnswer>(
      std::make_unique<KeyVersions>(std::move(listing), std::move(name)));
}

}  // namespace concordat::keyservice
