#include "deploy/command_line/command_line.hpp"

#include <CLI/CLI.hpp>

namespace concordat::command_line {
namespace {

void must_do(const std::string& name, const Check& check, const std::string& text) {
  if (const std::string wrong = check(text); !wrong.empty()) {
    throw CLI::ValidationError(name, wrong);
  }
}

}  // namespace

Option Option::required() const {
  return Option(*option_->required());
}

Option Option::type_name(const std::string& name) const {
  return Option(*option_->type_name(name));
}

Option Option::capture_default_str() const {
  return Option(*option_->capture_default_str());
}

Option Option::one_value_each() const {
  return Option(*option_->allow_extra_args(false));
}

Option Option::needs(Option other) const {
  return Option(*option_->needs(other.option_));
}

Option Option::excludes(Option other) const {
  return Option(*option_->excludes(other.option_));
}

Option Option::check(Check check) const {
  return Option(*option_->check(std::move(check)));
}

Option Option::range(int least, int most) const {
  return Option(*option_->check(CLI::Range(least, most)));
}

Option Option::range(unsigned least, unsigned most) const {
  return Option(*option_->check(CLI::Range(least, most)));
}

template <OptionValue T>
Option Command::add_option(const std::string& name, T& value, const std::string& help) const {
  return Option(*app_->add_option(name, value, help));
}

template Option Command::add_option(const std::string&, std::string&, const std::string&) const;
template Option Command::add_option(const std::string&, std::optional<std::string>&,
                                    const std::string&) const;
template Option Command::add_option(const std::string&, std::vector<std::string>&,
                                    const std::string&) const;
template Option Command::add_option(const std::string&, std::uint32_t&, const std::string&) const;
template Option Command::add_option(const std::string&, std::uint64_t&, const std::string&) const;
template Option Command::add_option(const std::string&, std::optional<int>&,
                                    const std::string&) const;
template Option Command::add_option(const std::string&, std::optional<std::uint32_t>&,
                                    const std::string&) const;
template Option Command::add_option(const std::string&, std::optional<std::uint64_t>&,
                                    const std::string&) const;

Option Command::add_option_function(const std::string& name, Check take,
                                    const std::string& help) const {
  return Option(*app_->add_option_function<std::string>(
      name, [name, take = std::move(take)](const std::string& text) { must_do(name, take, text); },
      help));
}

Option Command::add_list_function(const std::string& name, Check take,
                                  const std::string& help) const {
  return Option(*app_->add_option_function<std::vector<std::string>>(
      name,
      [name, take = std::move(take)](const std::vector<std::string>& texts) {
        for (const std::string& text : texts)
          must_do(name, take, text);
      },
      help));
}

Option Command::add_flag(const std::string& name, bool& value, const std::string& help) const {
  return Option(*app_->add_flag(name, value, help));
}

Option Command::get_option(const std::string& name) const {
  return Option(*app_->get_option(name));
}

Command Command::add_option_group(const std::string& name, const std::string& help) const {
  return Command(*app_->add_option_group(name, help));
}

void Command::require_option(std::size_t exactly) const {
  app_->require_option(static_cast<int>(exactly));
}

void Command::require_option(std::size_t least, std::size_t most) const {
  app_->require_option(least, most);
}

Command Command::add_subcommand(const std::string& name, const std::string& help) const {
  return Command(*app_->add_subcommand(name, help));
}

void Command::require_subcommand() const {
  app_->require_subcommand(1);
}

void Command::require_known_subcommand() const {
  // Not CLI11's own, which hides a mistyped subcommand behind "is required".
  app_->callback([app = app_] {
    if (app->get_subcommands().empty()) throw CLI::RequiredError::Subcommand(1);
  });
}

bool Command::got_subcommand(const std::string& name) const {
  return app_->got_subcommand(name);
}

void Command::footer(const std::string& text) const {
  app_->footer(text);
}

void Command::set_version_flag(const std::string& name, const std::string& version) const {
  app_->set_version_flag(name, version);
}

void Command::callback(std::function<void()> run) const {
  app_->callback(std::move(run));
}

void Command::allow_extras() const {
  app_->allow_extras();
}

std::vector<std::string> Command::remaining() const {
  return app_->remaining();
}

Program::Program(const std::string& description, const std::string& name)
    : app_(std::make_unique<CLI::App>(description, name)) {}

Program::~Program() = default;

std::optional<int> Program::parse(int argc, const char* const* argv, std::ostream& out,
                                  std::ostream& err) const {
  try {
    app_->parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& error) {
    // Prints help and version too, whose code is 0; every other code of CLI11 is a usage error.
    return app_->exit(error, out, err) == 0 ? 0 : 1;
  }
}

std::optional<std::uint64_t> parse_number(const std::string& text) {
  std::uint64_t number = 0;
  if (!CLI::detail::lexical_cast(text, number)) return std::nullopt;
  return number;
}

}  // namespace concordat::command_line
