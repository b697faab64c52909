// Streams to open: whatever is not refused is authentic, and is what sealing makes of it again. The
// first byte says in what pieces the rest arrives.
#include <cstdlib>

#include "attest/base/secret_access.hpp"
#include "keyservice/agent/stream_format.hpp"

using namespace concordat;

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

base::Bytes sealed_again(const base::SecretBytes& key, const base::Bytes& wrapped,
                         base::BytesView plaintext) {
  keyservice::StreamSealer sealer(key, wrapped, {});
  base::Bytes out = sealer.header();
  while (!sealer.finished()) {
    const auto next = sealer.next(plaintext.empty());
    require(next.has_value());
    if (*next) {
      base::append(out, **next);
      continue;
    }
    const std::size_t size = std::min(plaintext.size(), sealer.room().size());
    std::ranges::copy(plaintext.first(size), sealer.room().begin());
    sealer.filled(size);
    plaintext = plaintext.subspan(size);
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const base::BytesView whole(data + 1, size - 1);
  base::BytesView input = whole;
  const std::size_t piece = std::size_t{1} << (data[0] % 18);
  keyservice::StreamOpener opener({});
  const auto feed = [&] {
    const std::size_t n = std::min({piece, input.size(), opener.room().size()});
    require(n > 0);
    std::ranges::copy(input.first(n), opener.room().begin());
    opener.filled(n);
    input = input.subspan(n);
  };
  std::optional<base::Bytes> wrapped;
  while (!wrapped) {
    auto next = opener.wrapped(input.empty());
    if (!next) return 0;
    wrapped = *std::move(next);
    if (!wrapped) feed();
  }
  // The key of the corpus: 00 01 02 ... 1f.
  auto key = base::SecretBytes::zeroed(keyservice::kStreamDataKey);
  for (std::size_t i = 0; i < key.size(); ++i)
    key.expose_mutable(base::SecretAccess{})[i] = static_cast<std::uint8_t>(i);
  require(opener.begin(key).has_value());
  base::Bytes plaintext;
  while (!opener.finished()) {
    const auto next = opener.next(input.empty());
    if (!next) return 0;
    if (*next) {
      base::append(plaintext, **next);
    } else {
      feed();
    }
  }
  require(base::equal(sealed_again(key, *wrapped, plaintext), whole));
  return 0;
}
