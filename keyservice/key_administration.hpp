// Changes of keys that operators ask for, and what is made anew without being shown. Judges nobody:
// who may ask was decided before (admin_server.hpp). No clock.
#pragma once

#include "keyservice/admin_keys.hpp"
#include "keyservice/custody.hpp"

namespace concordat::keyservice {

class KeyAdministration {
 public:
  // The key after the change; not before it is durable, and never when the root goes meanwhile.
  using OnKey = Keyring::OnKey;

  // `custody` outlives this.
  explicit KeyAdministration(Custody& custody) : custody_(custody) {}

  // Only while the custody is ready. Material is made, or checked, here and now: what is wrong with
  // it is told before this returns.
  void change(const CreateKeyRequest& request, base::UnixMillis now, OnKey done);
  void change(ImportKeyRequest request, base::UnixMillis now, OnKey done);
  void change(const RotateKeyRequest& request, base::UnixMillis now, OnKey done);
  void change(const SetKeyStateRequest& request, base::UnixMillis now, OnKey done);
  void change(const SetMinimumVersionRequest& request, base::UnixMillis now, OnKey done);

  // A name that stands for a derived key becomes a record of it.
  void change(const AdoptKeyRequest& request, base::UnixMillis now, OnKey done);

  // Changes of the keyring as a whole; `done` with the generation that seals then. Refused where
  // the generation is not held (unknown_generation) or another seals (generation_differs).
  using OnGeneration = std::function<void(base::Result<std::uint32_t>)>;
  void change(const TakeOverRequest& request, OnGeneration done);
  void change(const MoveImplicitRequest& request, OnGeneration done);

  // Under the newest version of the key that made the envelope.
  [[nodiscard]] base::Result<Rewrapped> rewrap(const RewrapRequest& request) const;

 private:
  [[nodiscard]] base::Result<NewVersion> make(KeyType type) const;
  // Of a key that is there or may be an implicit one; imported ones cannot be made anew.
  [[nodiscard]] base::Result<NewVersion> make_next(const RotateKeyRequest& request) const;
  [[nodiscard]] base::Status check_next(const ImportKeyRequest& request) const;

  Custody& custody_;
};

}  // namespace concordat::keyservice
