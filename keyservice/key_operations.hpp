// One operation with the custodian's keys, as it was asked for. Judges no grants: who may ask was
// decided before (key_server.hpp).
#pragma once

#include <map>

#include "keyservice/custody.hpp"
#include "keyservice/keyring/signing.hpp"
#include "keyservice/messages.hpp"

namespace concordat::keyservice {

class KeyOperations {
 public:
  // `custody` outlives this, and tells it of changes (Custody::on_change is its alone).
  explicit KeyOperations(Custody& custody);
  ~KeyOperations();
  KeyOperations(const KeyOperations&) = delete;
  KeyOperations& operator=(const KeyOperations&) = delete;

  // Only while the custody is ready. `until`: when what may be released stops being usable.
  [[nodiscard]] base::Result<ResponseBody> perform(const RequestBody& request,
                                                   base::UnixMillis until);

 private:
  [[nodiscard]] base::Result<ResponseBody> run(const GetRequest& request,
                                               base::UnixMillis until) const;
  [[nodiscard]] base::Result<ResponseBody> run(const SignRequest& request);
  [[nodiscard]] base::Result<ResponseBody> run(const VerifyRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const EncryptRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const DecryptRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const WrapRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const UnwrapRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const MacRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const DeriveRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const RandomRequest& request) const;
  [[nodiscard]] base::Result<ResponseBody> run(const PublicRequest& request) const;
  // Is no operation of a key (key_server.hpp): unknown_operation.
  [[nodiscard]] static base::Result<ResponseBody> run(const CountRunRequest& request);
  // The envelope, and the key that its version names.
  struct Opened {
    Envelope envelope;
    KeyInUse key;
  };
  [[nodiscard]] base::Result<Opened> open(const std::string& name, base::BytesView envelope) const;

  Custody& custody_;
  // Ready to sign with, by name: of the newest version, forgotten when any key changes.
  std::map<std::string, Signer, std::less<>> signers_;
};

}  // namespace concordat::keyservice
