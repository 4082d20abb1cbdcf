// Finds functions and classes in C++ as this project writes it (clang-format, no macros that hide
// braces). It is no parser: it follows braces and looks at the words in front of them, which is
// enough to count lines and names.
#pragma once

#include <set>
#include <string>
#include <vector>

namespace cutwater::tidy {

// Returns the text with comments, preprocessor lines and the insides of literals as blanks. Every
// character stays at its place.
std::string code_only(const std::string& text);

struct Function {
  std::string head;  // the first line, for messages
  int line = 0;      // counted from 1
  int lines = 0;     // from the first line of the head to the closing brace
};

struct Class {
  std::string name;
  int line = 0;
  // The methods of its own: names whose bodies a reader has to look up to know the class, public or
  // not; overloads share a name. These are left out: constructors, operators and friends;
  // overrides, which the base class has asked for already; pure virtual methods, whose bodies are
  // another class's; and accessors that stand in one line with their body.
  std::set<std::string> methods;
};

struct Outline {
  std::vector<Function> functions;  // with a body; lambdas and local classes count as lines of it
  std::vector<Class> classes;
};
Outline outline_of(const std::string& text);

}  // namespace cutwater::tidy
