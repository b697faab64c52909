// A map that holds at most `capacity` entries and forgets the one unused for longest.
// Not thread-safe.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <utility>

namespace concordat::base {

template <class Key, class Value>
class LruMap {
 public:
  explicit LruMap(std::size_t capacity) : capacity_(capacity) {}

  // Null when absent; valid until the next insert or erase. Marks the entry as used.
  [[nodiscard]] Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return &found->second->second;
  }

  // Replaces an entry of the same key.
  void insert(const Key& key, Value value) {
    if (capacity_ == 0) return;
    if (Value* old = find(key)) {
      *old = std::move(value);
      return;
    }
    if (index_.size() == capacity_) {
      index_.erase(order_.back().first);
      order_.pop_back();
    }
    order_.emplace_front(key, std::move(value));
    index_.emplace(key, order_.begin());
  }

  void erase(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    order_.erase(found->second);
    index_.erase(found);
  }

  [[nodiscard]] std::size_t size() const noexcept { return index_.size(); }

 private:
  using Order = std::list<std::pair<Key, Value>>;  // most recently used first

  std::size_t capacity_;
  Order order_;
  std::map<Key, typename Order::iterator> index_;
};

}  // namespace concordat::base
