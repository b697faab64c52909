#include "keyservice/key_administration.hpp"

#include "keyservice/journal/errc.hpp"
#include "keyservice/keyring/key_errc.hpp"
#include "keyservice/keyring/key_material.hpp"
#include "keyservice/keyring/pkcs8.hpp"
#include "keyservice/keyring/sealing.hpp"
#include "keyservice/keyring/state/errc.hpp"
#include "keyservice/session_shares.hpp"
#include "policy/finding.hpp"

namespace concordat::keyservice {

using base::Error;
using base::Result;
using base::SecretBytes;
using base::Status;

namespace {

Result<SecretBytes> import(ImportKeyRequest& request) {
  return request.format == KeyFormat::pkcs8 ? import_pkcs8(request.type, request.material)
                                            : import_raw(request.type, std::move(request.material));
}

// Whoever may make a key before the custodian does may know what is sealed with it.
Status check_name(const std::string& name) {
  if (!name.starts_with(kSessionShares)) return {};
  return Error(KeyErrc::name_reserved, policy::quote(name));
}

}  // namespace

Result<NewVersion> KeyAdministration::make(KeyType type) const {
  if (type == KeyType::derived) return NewVersion{};
  CONCORDAT_TRY(SecretBytes material, generate(type, custody_.random()));
  return NewVersion{KeyOrigin::generated, 0, std::move(material)};
}

void KeyAdministration::change(const CreateKeyRequest& request, base::UnixMillis now, OnKey done) {
  if (const Status ours = check_name(request.name); !ours) return done(ours.error());
  auto first = make(request.type);
  if (!first) return done(first.error());
  custody_.keyring().create(
      {request.name, request.type, request.exportable, now, *std::move(first)}, std::move(done));
}

Status KeyAdministration::check_next(const ImportKeyRequest& request) const {
  const KeyRecord* const record = custody_.keyring().keys().find(request.name);
  if (record == nullptr) return Error(KeyStateErrc::key_unknown, policy::quote(request.name));
  if (record->key.type == request.type) return {};
  return Error(KeyErrc::other_key_type, policy::quote(request.name) + " is of type " +
                                            std::string(to_string(record->key.type)));
}

void KeyAdministration::change(ImportKeyRequest request, base::UnixMillis now, OnKey done) {
  if (const Status ours = check_name(request.name); !ours) return done(ours.error());
  auto material = import(request);
  if (!material) return done(material.error());
  NewVersion made{KeyOrigin::imported, 0, *std::move(material)};
  if (request.newest_version == 0) {
    return custody_.keyring().create(
        {std::move(request.name), request.type, request.exportable, now, std::move(made)},
        std::move(done));
  }
  if (const Status next = check_next(request); !next) return done(next.error());
  custody_.keyring().rotate(
      {std::move(request.name), request.newest_version, now, std::move(made), false},
      std::move(done));
}

Result<NewVersion> KeyAdministration::make_next(const RotateKeyRequest& request) const {
  const KeyRecord* const record = custody_.keyring().keys().find(request.name);
  if (record == nullptr) {
    if (!request.implicit) return Error(KeyStateErrc::key_unknown, policy::quote(request.name));
    return make(KeyType::derived);
  }
  const Key& key = record->key;
  if (key.versions.back().origin == KeyOrigin::imported) {
    return Error(KeyErrc::operation_not_of_key,
                 policy::quote(request.name) + " is imported: import its next version");
  }
  return make(key.type);
}

void KeyAdministration::change(const RotateKeyRequest& request, base::UnixMillis now, OnKey done) {
  auto next = make_next(request);
  if (!next) return done(next.error());
  custody_.keyring().rotate(
      {request.name, request.newest_version, now, *std::move(next), request.implicit},
      std::move(done));
}

void KeyAdministration::change(const SetKeyStateRequest& request, base::UnixMillis, OnKey done) {
  custody_.keyring().set_state(request.name, request.version, request.state, request.implicit,
                               std::move(done));
}

void KeyAdministration::change(const SetMinimumVersionRequest& request, base::UnixMillis,
                               OnKey done) {
  custody_.keyring().set_minimum(request.name, request.minimum, request.implicit, std::move(done));
}

void KeyAdministration::change(const AdoptKeyRequest& request, base::UnixMillis, OnKey done) {
  custody_.keyring().adopt(request.name, std::move(done));
}

void KeyAdministration::change(const TakeOverRequest& request, OnGeneration done) {
  if (custody_.root(request.generation) == nullptr) {
    return done(Error(journal::Errc::unknown_generation,
                      std::to_string(request.generation) + " is not held"));
  }
  custody_.keyring().take_over(request.generation,
                               [generation = request.generation, done](Status taken) {
                                 if (!taken) return done(std::move(taken).error());
                                 done(generation);
                               });
}

void KeyAdministration::change(const MoveImplicitRequest& request, OnGeneration done) {
  custody_.keyring().move_implicit(request.generation,
                                   [generation = request.generation, done](Status moved) {
                                     if (!moved) return done(std::move(moved).error());
                                     done(generation);
                                   });
}

Result<Rewrapped> KeyAdministration::rewrap(const RewrapRequest& request) const {
  CONCORDAT_TRY(const Envelope envelope, decode_envelope(request.envelope));
  CONCORDAT_TRY(const KeyInUse from, custody_.for_reading(envelope.key_name, envelope.key_version));
  CONCORDAT_TRY(const KeyInUse to, custody_.for_making(envelope.key_name));
  CONCORDAT_TRY(const Envelope made,
                keyservice::rewrap(from, to, request.associated, envelope, custody_.random()));
  return Rewrapped{made.key_name, made.key_version, encode(made)};
}

}  // namespace concordat::keyservice
