// What an operator and a party's enclave say to one another over an attested channel of purpose
// `session-control`: one CBOR array a record, preferred encoding. Larger things go in pieces.
//
//   operator -> enclave                          enclave -> operator
//   [1, piece of the signed descriptor]          [16, stage (tstr), detail (tstr)]
//   [2, party, forming ms,                       [17, piece of the result]
//    [authority descriptor, ...],                [18, piece of the receipt]
//    what was kept, sealed, or h'']              [19, piece of what is to be kept, sealed]
//   [3, piece of the input]                      [20, party, piece of its evidence]
//   [4]  the input has ended: begin              [21, code, detail, run or h'',
//   [5]  what is to be kept is stored             [[party, why], ...]]  the end; code "": done
//   [6, digest of the descriptor]  or, in place of 1 to 4: back to one's run of that session
//   [7]  the end was taken in, all of it
//
// After [2] the enclave says the stage "ready" or the end; input before it is an error. What was
// kept is opened after [4], and the run begins. After what is to be kept it says the stage "keep",
// and confirms the run's result only after [5]. After [6] all that the run has said is said again;
// an end is kept for that until [7], and for a while.
#pragma once

#include <variant>

#include "attest/base/hash.hpp"
#include "attest/base/secret.hpp"
#include "session/host/ended.hpp"
#include "session/limits.hpp"

namespace concordat::session::host {

// Of operators' channels to a party's enclave. Policy gives the purpose to operators and to the
// role that answers; no role asks for it.
inline constexpr std::string_view kControlPurpose = "session-control";

// Of a piece; a record has room for it and its heads.
inline constexpr std::size_t kControlPiece = 32 * 1024;
// `bytes` in pieces, in order; none of nothing.
[[nodiscard]] std::vector<base::BytesView> in_pieces(base::BytesView bytes);
// A sealed share of a key has some 3 KiB.
inline constexpr std::size_t kKeptBytes = 40 * 1024;
inline constexpr std::size_t kAuthorityBytes = 4 * 1024;
// What proof may be handed to the operator; a larger one is not.
inline constexpr std::size_t kEvidenceBytes = limits::kProofBytes;
inline constexpr std::size_t kControlText = 4 * 1024;

inline constexpr std::string_view kReadyStage = "ready";
inline constexpr std::string_view kKeepStage = "keep";

struct DescriptorPiece {
  base::Bytes bytes;
};
struct OrderedRun {
  PartyIndex party = 0;
  std::uint64_t forming_ms = 0;
  std::vector<base::Bytes> authorities;  // encoded descriptors
  base::Bytes kept;                      // sealed; empty: none
};
struct InputPiece {
  base::SecretBytes bytes;
};
struct BeginRun {};
struct KeptStored {};
struct ResumeRun {
  DescriptorDigest session;
};
struct EndFetched {};
using ControlOrder = std::variant<DescriptorPiece, OrderedRun, InputPiece, BeginRun, KeptStored,
                                  ResumeRun, EndFetched>;

struct StageReached {
  std::string stage, detail;
};
struct ResultPiece {
  base::Bytes bytes;
};
struct ReceiptPiece {
  base::Bytes bytes;
};
struct KeptPiece {
  base::Bytes bytes;
};
struct EvidencePiece {
  PartyIndex party = 0;
  base::Bytes bytes;
};
struct RunEnded {
  std::string code, detail;
  std::optional<RunId> run;
  std::vector<std::pair<PartyIndex, std::string>> named;
};
using ControlReport =
    std::variant<StageReached, ResultPiece, ReceiptPiece, KeptPiece, EvidencePiece, RunEnded>;

// What an operator is told of a run's end: its result, receipt and proof, and then that it ended.
[[nodiscard]] std::vector<ControlReport> reports_of(const Ended& ended);

// Into what takes it in, and into its digest.
[[nodiscard]] base::Status feed(const InputPiece& piece, Intake& intake, base::Sha256& digest);

[[nodiscard]] base::SecretBytes encode(const ControlOrder& order);
// malformed_order with the reason.
[[nodiscard]] base::Result<ControlOrder> decode_order(const base::SecretBytes& record);
[[nodiscard]] base::Bytes encode(const ControlReport& report);
[[nodiscard]] base::Result<ControlReport> decode_report(const base::SecretBytes& record);

}  // namespace concordat::session::host
