// A small image's parts, the same in every test.
#pragma once

#include "attest/eif.hpp"

namespace concordat::attest::test {

inline const base::Bytes kKernel(1000, 0x11);
inline const base::Bytes kInit(300, 0x22);
inline const base::Bytes kApplication(500, 0x33);

inline EifParts small_parts() {
  EifParts parts;
  parts.kernel = kKernel;
  parts.cmdline = "console=ttyS0 panic=30";
  parts.ramdisks = {kInit, kApplication};
  parts.metadata = R"({"ImageName":"small"})";
  return parts;
}

inline base::Result<EifImage> read_bytes(base::BytesView image) {
  EifBytes source(image);
  return read_eif(source);
}

}  // namespace concordat::attest::test
