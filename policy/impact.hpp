// What a newer policy takes from whom, and what they had received by then: keys that they still
// know, and that only a rotation takes from them.
#pragma once

#include "policy/diff.hpp"
#include "policy/released_keys.hpp"

namespace concordat::policy {

// Whether an operation hands out the key, or what is computed from it alone, so that whoever had it
// has it still. Every other one is done inside the custodian.
[[nodiscard]] bool releases(Operation operation) noexcept;

// Why somebody who could receive a key cannot any more.
enum class LossCause : std::uint8_t {
  image,    // no role of the new policy that may ask for keys takes the image
  place,    // none takes it in all the accounts and on all the instances from which it came
  grant,    // where it is still taken, the keys are not granted
  expired,  // where it is still taken, the grant of the keys has expired
};
[[nodiscard]] std::string_view to_string(LossCause cause) noexcept;

// Keys that enclaves of these images in this role could receive, and cannot any more.
struct Rotation {
  std::string keys;  // pattern
  std::string role;
  std::vector<std::string> images;
  LossCause cause{};
  // Narrower patterns that all of them can still receive: not lost, if nobody else lost them.
  std::vector<std::string> except = {};
};

// The same for operations that release nothing: lost, and nothing to rotate.
struct Unreleased {
  std::string keys;
  std::string role;
  std::vector<Operation> operations;
};

// An image that could hold the root as custodian, and cannot any more.
struct RootExposure {
  std::string role;
  std::string image;
  LossCause cause{};
};

// A version of a key that an enclave is on record to have received, and could not receive now.
struct Exposure {
  ReleasedKey released;
  LossCause cause{};
};

struct Impact {
  std::vector<Change> lost;  // of diff(): what somebody may do no more
  std::vector<Rotation> rotations;
  std::vector<Unreleased> unreleased;
  std::vector<RootExposure> custodians;  // not empty: all keys hang on a root that is known outside
  std::vector<std::string> holders;      // of recovery shares, who are holders no more
  std::vector<Exposure> exposures;
  // A report behind them was cut: others may be on no record any more.
  bool is_record_cut = false;
};

// Grants of `before` count even when they have expired: they were used until then. Those of `after`
// that have expired at `now` grant nothing, also where `before` had them. `released` may hold
// entries from the time of older policies.
[[nodiscard]] Impact impact(const Model& before, const Model& after, base::UnixMillis now,
                            const ReleasedKeys& released = {});

// Until when enclaves may still obey a policy that a newer one replaces, because somebody withholds
// the newer one.
struct Finality {
  std::uint64_t serial = 0;  // of the older policy
  base::UnixMillis ends;     // not later than this
  // So many seconds after the last freshness statement for it, if that is earlier.
  std::optional<std::uint64_t> freshness_seconds;
};
[[nodiscard]] Finality finality(const Model& older);

}  // namespace concordat::policy
