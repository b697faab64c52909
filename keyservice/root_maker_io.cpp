#include "keyservice/root_maker_io.hpp"

#include <boost/asio/post.hpp>
#include <system_error>

#include "keyservice/error.hpp"

namespace concordat::keyservice {

using base::Bytes;
using base::Error;
using base::Result;
using base::Status;

struct RootMaker::Making {
  GenesisOrder order;
  Done done;
  std::shared_ptr<const RecipientKey> recipient;
  MadeRoot made;
  Bytes document;  // of genesis
};

RootMaker::~RootMaker() {
  *alive_ = false;
  if (thread_.joinable()) thread_.join();
}

template <class Body>
void RootMaker::guarded(const MakingPtr& making, const Body& body) {
  try {
    body();
  } catch (const std::bad_alloc&) {
    finish(making, Error(Errc::out_of_memory));
  }
}

void RootMaker::finish(const MakingPtr& making, Result<Bytes> document) {
  const Done done = std::exchange(making->done, nullptr);
  if (!done) return;
  is_making_ = false;
  done(std::move(document));
}

// Runs `work` on the thread, and what it returns on the io_context.
void RootMaker::beside(const MakingPtr& making, std::function<Step()> work) {
  if (thread_.joinable()) thread_.join();  // of the step before, which has answered
  const auto then = std::make_shared<Step>();
  const auto memory = std::make_shared<peer::ReservedMemory>();
  try {
    thread_ = std::thread([this, alive = alive_, making, work = std::move(work), then, memory] {
      try {
        *then = work();
      } catch (const std::bad_alloc&) {
        *then = [this, making] { finish(making, Error(Errc::out_of_memory)); };
      }
      boost::asio::post(runtime_.io(), peer::with(memory, [this, alive, making, then] {
                          if (*alive) guarded(making, *then);
                        }));
    });
  } catch (const std::system_error&) {  // no thread to be had: as good as no memory
    throw std::bad_alloc();
  }
}

void RootMaker::mint(attest::MintRequest request, const MakingPtr& making,
                     std::function<void(Bytes)> then) {
  const Status queued = runtime_.nsm().mint(
      std::move(request), peer::MintPriority::own,
      [this, alive = alive_, making, then = std::move(then)](Result<Bytes> document) {
        if (!*alive) return;
        if (!document) return finish(making, document.error());
        guarded(making, [&] { then(*std::move(document)); });
      });
  if (!queued) finish(making, queued.error());
}

void RootMaker::make(const GenesisChallenge& challenge, policy::PolicyPtr policy, Done done) {
  if (is_making_) return done(Error(Errc::not_ready, "a root is being made"));
  const auto now = runtime_.party().clock();
  if (!now) return done(now.error());
  is_making_ = true;
  const auto making = std::make_shared<Making>();
  making->order = {std::move(policy), now->wall, {}, challenge};
  making->done = std::move(done);
  guarded(making, [&] { begin(making); });
}

void RootMaker::begin(const MakingPtr& making) {
  beside(making, [this, making]() -> Step {
    const Status able =
        check_no_genesis(enclave_.parent, making->order.policy->model().next_root_generation());
    auto key = able ? RecipientKey::generate() : Result<RecipientKey>(able.error());
    if (!key) return failed(making, key.error());
    making->recipient = std::make_shared<const RecipientKey>(*std::move(key));
    return [this, making] {
      mint(recipient_document(*making->recipient), making, [this, making](Bytes document) {
        making->order.document = std::move(document);
        call_kms(making);
      });
    };
  });
}

void RootMaker::call_kms(const MakingPtr& making) {
  beside(making, [this, making]() -> Step {
    auto made = make_root(enclave_.parent, kms_, *making->recipient, making->order);
    if (!made) return failed(making, made.error());
    making->made = *std::move(made);
    return [this, making] {
      mint(genesis_document(making->made.statement), making, [this, making](Bytes genesis) {
        making->document = std::move(genesis);
        keep(making);
      });
    };
  });
}

void RootMaker::keep(const MakingPtr& making) {
  beside(making, [this, making]() -> Step {
    const Status kept = keep_genesis(enclave_.parent, making->made, making->document);
    if (!kept) return failed(making, kept.error());
    return [this, making] {
      const GenesisStatement& statement = making->made.statement;
      log_.info("root_made", {{"generation", statement.generation},
                              {"key_arn", statement.key_arn},
                              {"commitment", statement.commitment.hex()}});
      finish(making, std::move(making->document));
    };
  });
}

RootMaker::Step RootMaker::failed(const MakingPtr& making, const Error& why) {
  return [this, making, why] { finish(making, why); };
}

}  // namespace concordat::keyservice
