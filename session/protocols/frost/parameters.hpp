// What descriptors say of the protocols of this folder (README.md).
#pragma once

#include <variant>

#include "session/limits.hpp"
#include "session/protocols/frost/dealing.hpp"
#include "session/protocols/frost/preprocessing.hpp"

namespace concordat::session::frost {

inline constexpr std::string_view kKeygenName = "frost-keygen/1";
inline constexpr std::string_view kPreprocessName = "frost-preprocess/1";
inline constexpr std::string_view kSignName = "frost-sign/1";
inline constexpr std::string_view kReshareName = "frost-reshare/1";

inline constexpr std::size_t kMaxParameters = limits::kParameterBytes;
// Longer ones are named by their hash, and each party's input.
inline constexpr std::size_t kMaxMessageInDescriptor = 4 * 1024;
static_assert(2 * (kMaxGroup + kMaxMessageInDescriptor) + 2048 <= kMaxParameters,
              "the largest group and the longest message, in hex, and who signs");
inline constexpr std::size_t kMaxMessage = 4 * 1024 * 1024;

struct SignParameters {
  GroupInfo group;
  // The message, or its SHA-256 where the message is the parties' input.
  std::variant<base::Bytes, base::Sha256Digest> message;
  Indices signers;
  // Preprocessed ones, of which one batch at one position makes one signature.
  struct PreparedNonces {
    BatchId batch;
    std::size_t position = 0;
  };
  std::optional<PreparedNonces> nonces;
};
struct PreprocessParameters {
  GroupInfo group;
  std::size_t count = 0;
  Indices signers;
};
struct ReshareParameters {
  GroupInfo group;
  Indices dealers;
  Indices holders;
};

// malformed, unknown_key, bad_value.. of JSON, bad_group.
[[nodiscard]] base::Status parse_keygen(base::BytesView parameters);
[[nodiscard]] base::Result<SignParameters> parse_sign(base::BytesView parameters,
                                                      std::size_t parties);
[[nodiscard]] base::Result<PreprocessParameters> parse_preprocess(base::BytesView parameters,
                                                                  std::size_t parties);
[[nodiscard]] base::Result<ReshareParameters> parse_reshare(base::BytesView parameters,
                                                            std::size_t parties);

}  // namespace concordat::session::frost
