// What the runs of one process hand on to later ones and nothing else ever sees: no encoding, never
// sealed, gone with the process. For what an older sealed state, put back by whoever stores it,
// would betray: nonces of signatures.
#pragma once

#include <map>
#include <memory>
#include <typeindex>

namespace concordat::session {

class ProcessMemory {
 public:
  ProcessMemory() = default;
  ProcessMemory(const ProcessMemory&) = delete;
  ProcessMemory& operator=(const ProcessMemory&) = delete;

  // The one of this type, made when it is first asked for. Lives as long as this object.
  template <class T>
  [[nodiscard]] T& get() {
    std::shared_ptr<void>& slot = slots_[std::type_index(typeid(T))];
    if (!slot) slot = std::make_shared<T>();
    return *static_cast<T*>(slot.get());
  }

 private:
  std::map<std::type_index, std::shared_ptr<void>> slots_;
};

}  // namespace concordat::session
