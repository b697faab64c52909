// The store over HTTP, for an enclave in its own folder and for operators in any:
//
//   GET    BASE/NAME    an entry, its version as ETag
//   PUT    BASE/NAME    If-Match: "VERSION" replaces that version, If-None-Match: * makes it
//                       ?behind=NAME&behind_version=VERSION: only if that entry is there so
//   POST   BASE         several puts, all or none (CBOR, keyservice/store_batch.hpp)
//   DELETE BASE/NAME    If-Match: "VERSION"
//   DELETE BASE?prefix=&before=NAME    all that begin with the one and come before the other
//   GET    BASE?prefix=&after=&max_bytes=    a page of names and contents (CBOR,
//                       keyservice/store_page.hpp)
//
// What is refused is {"error": {"code": .., "message": ..}} with a code of StoreErrc.
#pragma once

#include "deploy/parent/http.hpp"
#include "deploy/parent/store.hpp"

namespace concordat::parent {

// `name` is what followed BASE/, nullopt where nothing did.
void serve_store(Store& store, const std::string& folder, const std::optional<std::string>& name,
                 const HttpRequest& request, const Respond& respond);
// {"custodians": [{"name": .., "address": ..}, ..]}
void serve_custodians(Store& store, const Respond& respond);

}  // namespace concordat::parent
