// Unix stream sockets by path, and frames of a 4-byte big-endian length on them.
#pragma once

#include <filesystem>
#include <optional>

#include "attest/base/bytes.hpp"
#include "attest/base/descriptor.hpp"

namespace concordat::lab {

// A path that does not fit a socket address (107 bytes, unix(7)) is system_call_failed with
// "File name too long" in all three.

// A listening socket, non-blocking. The path must be free; mode 0600.
[[nodiscard]] base::Result<base::Descriptor> listen_unix(const std::filesystem::path& path);
enum class Blocking { yes, no };
// A connected socket.
[[nodiscard]] base::Result<base::Descriptor> connect_unix(const std::filesystem::path& path,
                                                          Blocking blocking);
// A connected socket that does not block, to the socket `name` in `folder` and nowhere else: a
// symbolic link of that name is refused, since an enclave writes in that folder.
[[nodiscard]] base::Result<base::Descriptor> connect_within(const std::filesystem::path& folder,
                                                            const std::string& name);
// nullopt: nobody is waiting. The accepted socket does not block.
[[nodiscard]] base::Result<std::optional<base::Descriptor>> accept_unix(int listener);

// How many bytes moved; nullopt: it would block now. 0 from receive_some: the other side is done.
[[nodiscard]] base::Result<std::optional<std::size_t>> receive_some(int fd,
                                                                    std::span<std::uint8_t> out);
[[nodiscard]] base::Result<std::optional<std::size_t>> send_some(int fd, base::BytesView bytes);

// One frame on a blocking socket. peer_closed where the stream ends inside or before it; longer
// than `max` is bad_request.
[[nodiscard]] base::Status send_frame(int fd, base::BytesView body);
[[nodiscard]] base::Result<base::Bytes> receive_frame(int fd, std::size_t max);

inline constexpr std::size_t kFrameHead = 4;
void append_frame(base::Bytes& out, base::BytesView body);
// The frame at the start of `buffer`: its body, or nullopt while it is not all there. Longer than
// `max` is bad_request.
[[nodiscard]] base::Result<std::optional<base::BytesView>> peek_frame(base::BytesView buffer,
                                                                      std::size_t max);

}  // namespace concordat::lab
