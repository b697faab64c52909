// Makes a root of the next generation in a custodian that serves: KMS seals it, the parent's store
// keeps it, and this enclave attests to it and forgets it. It is held once a policy pins it. The
// calls to parent and KMS block, so a thread makes them; everything else happens on the io_context.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "attest/base/log.hpp"
#include "keyservice/boot.hpp"
#include "keyservice/enclave_runtime_io.hpp"

namespace concordat::keyservice {

class RootMaker {
 public:
  using Done = std::function<void(base::Result<base::Bytes>)>;

  // References outlive the maker.
  RootMaker(EnclaveRuntime& runtime, Enclave& enclave, KmsService& kms, base::Logger& log)
      : runtime_(runtime), enclave_(enclave), kms_(kms), log_(log) {}
  ~RootMaker();
  RootMaker(const RootMaker&) = delete;
  RootMaker& operator=(const RootMaker&) = delete;

  // `done` with the genesis document, once it and the sealed root are in the store. One attempt,
  // one at a time (not_ready); root_already_pinned where the store holds one that nobody pinned.
  void make(const GenesisChallenge& challenge, policy::PolicyPtr policy, Done done);

 private:
  struct Making;
  using MakingPtr = std::shared_ptr<Making>;
  using Step = std::function<void()>;

  // Key, document, KMS, document, store: one step after the other.
  void begin(const MakingPtr& making);
  void call_kms(const MakingPtr& making);
  void keep(const MakingPtr& making);
  [[nodiscard]] Step failed(const MakingPtr& making, const base::Error& why);
  void mint(attest::MintRequest request, const MakingPtr& making,
            std::function<void(base::Bytes)> then);
  void beside(const MakingPtr& making, std::function<Step()> work);
  void finish(const MakingPtr& making, base::Result<base::Bytes> document);
  template <class Body>
  void guarded(const MakingPtr& making, const Body& body);

  EnclaveRuntime& runtime_;
  Enclave& enclave_;
  KmsService& kms_;
  base::Logger& log_;
  std::thread thread_;
  bool is_making_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::keyservice
