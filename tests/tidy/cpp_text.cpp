#include "tests/tidy/cpp_text.hpp"

#include <algorithm>
#include <cctype>
#include <optional>
#include <regex>

namespace cutwater::tidy {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

void blank(std::string& code, std::size_t from, std::size_t to) {
  for (std::size_t i = from; i < std::min(to, code.size()); ++i)
    if (code[i] != '\n') code[i] = ' ';
}

// Returns the place behind a literal that is opened by the quote at `at`.
std::size_t end_of_literal(const std::string& text, std::size_t at) {
  const bool raw = text[at] == '"' && at > 0 && text[at - 1] == 'R';
  if (raw) {
    const std::size_t paren = text.find('(', at);
    const std::string close = ")" + text.substr(at + 1, paren - at - 1) + "\"";
    return text.find(close, paren) + close.size();
  }
  std::size_t i = at + 1;
  while (i < text.size() && text[i] != text[at]) i += text[i] == '\\' ? 2 : 1;
  return i + 1;
}

std::size_t end_of_directive(const std::string& text, std::size_t at) {
  std::size_t end = text.find('\n', at);
  while (end != std::string::npos && text[end - 1] == '\\') end = text.find('\n', end + 1);
  return std::min(end, text.size());
}

// Takes out template arguments and attributes, whose parentheses are no parameter list.
std::string without_arguments(std::string head) {
  static const std::regex noise{R"(->|\[\[[^\]]*\]\]|\balignas\s*\([^)]*\))"};
  static const std::regex arguments{R"(<[^<>]*>)"};
  head = std::regex_replace(head, noise, " ");
  for (std::string next; (next = std::regex_replace(head, arguments, "")) != head;) head = next;
  return head;
}

// Returns the name of the method that a statement in a class declares.
std::optional<std::string> declared_method(const std::string& statement,
                                           const std::string& class_name) {
  static const std::regex other{R"(^\s*(friend|using|typedef|static_assert|enum)\b|\boperator\b)"};
  static const std::regex elsewhere{R"(\)[^)]*\b(override|final)\b|\)[^)]*=\s*0\s*$)"};
  static const std::regex name{R"((~?\w+)\s*\((?!\s*\*))"};
  const std::string head = without_arguments(statement);
  std::smatch found;
  if (std::regex_search(head, other) || !std::regex_search(head, found, name)) return std::nullopt;
  if (head.substr(0, static_cast<std::size_t>(found.position())).find('=') != std::string::npos)
    return std::nullopt;  // a field with an initial value
  if (found[1] == class_name || found[1] == "~" + class_name) return std::nullopt;
  if (std::regex_search(head, elsewhere)) return std::nullopt;
  return found[1];
}

enum class Scope { Namespace, Class, Function, Inner, Initializer };

class OutlineReader {
 public:
  explicit OutlineReader(const std::string& text) : text_(text), code_(code_only(text)) {}

  Outline read() {
    for (at_ = 0; at_ < code_.size(); ++at_) {
      const char c = code_[at_];
      if (c == '(') ++open_.back().parentheses;
      if (c == ')') --open_.back().parentheses;
      if (c == '{') enter();
      if (c == '}' && open_.size() > 1) leave();
      if (c == ';' && open_.back().parentheses == 0) end_statement();
    }
    return std::move(outline_);
  }

 private:
  struct Open {
    Scope scope = Scope::Namespace;
    std::size_t head = 0;  // where the statement in front of the brace begins
    std::size_t brace = 0;
    int parentheses = 0;       // open ones inside
    std::size_t class_at = 0;  // for Class: its index in the outline
  };

  void enter() {
    const std::size_t head = first_word();
    const std::string words = code_.substr(head, at_ - head);
    const Scope scope = scope_of(words);
    Open open{scope, head, at_, 0, 0};
    if (scope == Scope::Class) {
      static const std::regex name{R"(\b(?:class|struct|union)\s+(\w+))"};
      std::smatch found;
      const std::string plain = without_arguments(words);
      open.class_at = outline_.classes.size();
      outline_.classes.push_back(
          {std::regex_search(plain, found, name) ? found[1].str() : "", line_of(head), {}});
    }
    open_.push_back(open);
    if (scope != Scope::Initializer) statement_ = at_ + 1;
  }

  void leave() {
    const Open open = open_.back();
    open_.pop_back();
    if (open.scope == Scope::Initializer) return;
    statement_ = at_ + 1;
    if (open.scope != Scope::Function) return;
    const int first = line_of(open.head);
    const bool is_accessor = text_.find('\n', open.brace) > at_;
    if (open_.back().scope == Scope::Class && !is_accessor)
      note_method(code_.substr(open.head, open.brace - open.head));
    const std::size_t end = text_.find('\n', open.head);
    outline_.functions.push_back(
        {text_.substr(open.head, end - open.head), first, line_of(at_) - first + 1});
  }

  void end_statement() {
    if (open_.back().scope == Scope::Class) {
      const std::size_t head = first_word();
      note_method(code_.substr(head, at_ - head));
    }
    statement_ = at_ + 1;
  }

  Scope scope_of(const std::string& words) const {
    static const std::regex name_space{R"(^(inline\s+)?namespace\b|^extern\s)"};
    static const std::regex type{R"(^(class|struct|union)\b)"};
    static const std::regex not_a_body{R"(^enum\b|=\s*$|^[^(]*=)"};
    static const std::regex initializers{R"(\)\s*(noexcept\s*)?:[^:])"};
    const Scope outer = open_.back().scope;
    if (open_.back().parentheses > 0) return Scope::Initializer;
    if (outer != Scope::Namespace && outer != Scope::Class) return Scope::Inner;
    if (std::regex_search(words, name_space)) return Scope::Namespace;
    std::string plain = without_arguments(words);
    static const std::regex template_word{R"(^(template\s*|requires\s+\w+\s*)+)"};
    plain = std::regex_replace(plain, template_word, "");
    if (std::regex_search(plain, type) && plain.find('(') == std::string::npos) return Scope::Class;
    if (plain.find('(') == std::string::npos) return Scope::Initializer;
    if (plain.find("operator") == std::string::npos && std::regex_search(plain, not_a_body))
      return Scope::Initializer;
    const auto last = words.find_last_not_of(" \n");
    const bool names_a_field = last != std::string::npos && is_word(words[last]);
    if (names_a_field && std::regex_search(words, initializers)) return Scope::Initializer;
    return Scope::Function;
  }

  void note_method(const std::string& statement) {
    Class& in = outline_.classes[open_.back().class_at];
    if (auto name = declared_method(statement, in.name)) in.methods.insert(*name);
  }

  // Returns where the statement at hand begins, behind blanks and "public:".
  std::size_t first_word() const {
    static const std::regex access{R"(^\s*((public|private|protected)\s*:(?!:)\s*)*)"};
    const std::string words = code_.substr(statement_, at_ - statement_);
    std::smatch found;
    std::regex_search(words, found, access);
    return statement_ + static_cast<std::size_t>(found.length());
  }

  int line_of(std::size_t at) const {
    return 1 + static_cast<int>(std::count(text_.begin(),
                                           text_.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
  }

  const std::string& text_;
  const std::string code_;
  std::vector<Open> open_{Open{}};
  std::size_t at_ = 0;
  std::size_t statement_ = 0;
  Outline outline_;
};

}  // namespace

std::string code_only(const std::string& text) {
  std::string code = text;
  bool line_begins = true;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    std::size_t end = i + 1;
    if (text.compare(i, 2, "//") == 0) {
      end = std::min(text.find('\n', i), text.size());
      blank(code, i, end);
    } else if (text.compare(i, 2, "/*") == 0) {
      end = std::min(text.find("*/", i), text.size() - 2) + 2;
      blank(code, i, end);
    } else if (c == '#' && line_begins) {
      end = end_of_directive(text, i);
      blank(code, i, end);
    } else if (c == '"' || (c == '\'' && (i == 0 || !is_word(text[i - 1])))) {
      end = end_of_literal(text, i);
      blank(code, i + 1, end - 1);
    }
    line_begins = c == '\n' || (line_begins && std::isspace(static_cast<unsigned char>(c)) != 0);
    i = end;
  }
  return code;
}

Outline outline_of(const std::string& text) {
  return OutlineReader(text).read();
}

}  // namespace cutwater::tidy
