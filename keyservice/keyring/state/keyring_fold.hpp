// The keyring's table as what the journal is folded into.
#pragma once

#include <functional>
#include <memory>

#include "keyservice/keyring/state/table_snapshot.hpp"

namespace concordat::keyservice {

class KeyringFold final : public journal::Fold {
 public:
  [[nodiscard]] base::Status apply(const base::SecretBytes& content,
                                   const journal::SealedUnder& sealed) override;
  [[nodiscard]] std::vector<base::SecretBytes> save() const override { return table_.save(); }
  void begin_load() override { loader_ = std::make_unique<TableLoader>(); }
  [[nodiscard]] base::Status load(const base::SecretBytes& piece) override;
  [[nodiscard]] base::Status commit_load() override;
  void clear() noexcept override;

  [[nodiscard]] const KeyTable& table() const noexcept { return table_; }
  // Told after each change of a key, and when all was loaded anew; not of counted uses
  // and runs.
  void on_change(std::function<void()> handler) { changed_ = std::move(handler); }

 private:
  KeyTable table_;
  std::unique_ptr<TableLoader> loader_;
  std::function<void()> changed_;
};

}  // namespace concordat::keyservice
