#include "deploy/parent/store_copy_io.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include "deploy/parent/store/open_store_io.hpp"

namespace concordat::parent {
namespace {

using base::Error;
using base::Result;

// Runs the loop, which has work for as long as there is a guard, until the answer is there.
template <class T, class Ask>
Result<T> wait_for(boost::asio::io_context& io, Ask ask) {
  std::optional<Result<T>> answer;
  ask([&answer](Result<T> got) { answer.emplace(std::move(got)); });
  while (!answer)
    io.run_one();
  return *std::move(answer);
}

Result<std::size_t> copy_folder(boost::asio::io_context& io, Store& from, Store& to,
                                const std::string& folder) {
  std::size_t copied = 0;
  ListQuery query{folder, {}, {}};
  for (;;) {
    CONCORDAT_TRY(const StorePage page, wait_for<StorePage>(io, [&](auto handler) {
                    from.list(query, std::move(handler));
                  }));
    for (const StorePage::Entry& entry : page.entries) {
      const auto put = wait_for<std::string>(io, [&](auto handler) {
        to.put({folder, entry.name}, entry.content, {}, std::move(handler));
      });
      if (!put)
        return Error(put.error().code(), folder + "/" + entry.name + ": " + put.error().detail());
      ++copied;
    }
    if (!page.more) return copied;
    query.after = page.entries.back().name;
  }
}

}  // namespace

Result<std::size_t> copy_store(const Config& from, const Config& to, base::Logger& log) {
  if (!from.store || !to.store) {
    return Error(ConfigErrc::missing_part, "store: both configurations need one");
  }
  boost::asio::io_context io(1);
  const auto work = boost::asio::make_work_guard(io);
  CONCORDAT_TRY(const auto source, open_store(io, *from.store, log));
  CONCORDAT_TRY(const auto target, open_store(io, *to.store, log));
  std::set<std::string> folders;
  for (const auto& [name, enclave] : to.enclaves)
    if (enclave.store) folders.insert(*enclave.store);
  std::size_t copied = 0;
  for (const std::string& folder : folders) {
    CONCORDAT_TRY(const std::size_t entries, copy_folder(io, *source, *target, folder));
    copied += entries;
  }
  return copied;
}

}  // namespace concordat::parent
