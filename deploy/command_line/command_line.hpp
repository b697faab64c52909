// A program's command line: CLI11 behind handles, because its header costs every file that includes
// it some ten seconds. Functions do what CLI11's of the same name do; what is not used is not here.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace concordat::command_line {

template <typename T, typename... Types>
concept OneOf = (std::same_as<T, Types> || ...);
// What an option can be read into. Another type is instantiated in command_line.cpp, too.
template <typename T>
concept OptionValue = OneOf<T, std::string, std::optional<std::string>, std::vector<std::string>,
                            std::uint32_t, std::uint64_t, std::optional<int>,
                            std::optional<std::uint32_t>, std::optional<std::uint64_t>>;

// Empty, or what is wrong with the value; the message names the option before it.
using Check = std::function<std::string(const std::string&)>;

// A handle, as Command is: it lives no longer than its Program, and copies are the same option.
class Option {
 public:
  explicit Option(CLI::Option& option) noexcept : option_(&option) {}

  Option required() const;
  Option type_name(const std::string& name) const;
  Option capture_default_str() const;
  // Each use takes one value; what stands after it is something else.
  Option one_value_each() const;
  Option needs(Option other) const;
  Option excludes(Option other) const;
  Option check(Check check) const;
  Option range(int least, int most) const;
  Option range(unsigned least, unsigned most) const;

 private:
  CLI::Option* option_;
};

// The program, one of its subcommands, or a group of a command's options. Values are written while
// the command line is parsed and must live until then.
class Command {
 public:
  explicit Command(CLI::App& app) noexcept : app_(&app) {}

  template <OptionValue T>
  Option add_option(const std::string& name, T& value, const std::string& help) const;
  // Hands the value to `take`, which also checks it.
  Option add_option_function(const std::string& name, Check take, const std::string& help) const;
  // The same for an option with many values, one by one.
  Option add_list_function(const std::string& name, Check take, const std::string& help) const;
  Option add_flag(const std::string& name, bool& value, const std::string& help) const;
  Option get_option(const std::string& name) const;

  Command add_option_group(const std::string& name, const std::string& help) const;
  // Exactly so many of the options; or between `least` and `most`, where 0 is any number.
  void require_option(std::size_t exactly) const;
  void require_option(std::size_t least, std::size_t most) const;

  Command add_subcommand(const std::string& name, const std::string& help) const;
  void require_subcommand() const;
  // The same, but shown as optional, and a mistyped subcommand is named.
  void require_known_subcommand() const;
  bool got_subcommand(const std::string& name) const;

  void footer(const std::string& text) const;
  void set_version_flag(const std::string& name, const std::string& version) const;
  // Runs when the command was chosen and everything was parsed.
  void callback(std::function<void()> run) const;

  void allow_extras() const;
  [[nodiscard]] std::vector<std::string> remaining() const;

 private:
  CLI::App* app_;
};

class Program {
 public:
  // Without a name it is the one by which it was started.
  explicit Program(const std::string& description, const std::string& name = {});
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] Command command() const noexcept { return Command(*app_); }

  // The exit status where the program ends here: 0 after help or version, 1 after a usage error,
  // which is said on `err`. nullopt: all parsed, and callbacks run. Throws what they throw.
  [[nodiscard]] std::optional<int> parse(int argc, const char* const* argv, std::ostream& out,
                                         std::ostream& err) const;

 private:
  std::unique_ptr<CLI::App> app_;
};

// A whole number as options of this type read it.
[[nodiscard]] std::optional<std::uint64_t> parse_number(const std::string& text);

}  // namespace concordat::command_line
