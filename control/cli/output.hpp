// Formats what people see: aligned tables, colour only on a terminal without NO_COLOR, and tolerant
// readers for the API's JSON. It is pure apart from the streams; one command uses it at a time.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace cutwater::cli {

// Says where a command writes to. Data goes to `out`, messages to `err`.
struct Io {
  std::ostream& out;
  std::ostream& err;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  std::function<std::optional<std::string>(const std::string& name)> env;
};
Io system_io();

enum class Ink { Plain, Bold, Quiet, Good, Bad, Wait };

struct Cell {
  std::string text;
  Ink ink = Ink::Plain;
  bool right = false;  // for numbers
};

class Table {
 public:
  explicit Table(std::vector<Cell> titles) { rows_.push_back(std::move(titles)); }
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  // Widths are counted in code points, so that "–" does not shift a column.
  void print(std::ostream& out, bool colour) const;

 private:
  std::vector<std::vector<Cell>> rows_;
};

std::string inked(const std::string& text, Ink ink, bool colour);
Ink ink_of(std::string_view verdict_or_phase);

// --- JSON, read tolerantly: an odd member is "" / nullopt / null, never an exception -------------
const boost::json::value& member(const boost::json::value& object, std::string_view name);
// Deleted, because an object would silently become a temporary value, and the reference would
// dangle.
const boost::json::value& member(const boost::json::object&, std::string_view) = delete;
const boost::json::value& member(boost::json::value&&, std::string_view) = delete;
std::string text_of(const boost::json::value& object, std::string_view name);
std::optional<double> number_of(const boost::json::value& object, std::string_view name);
bool is_true(const boost::json::value& object, std::string_view name);
// Returns the objects of an array.
std::vector<boost::json::value> list_of(const boost::json::value& value);

// Writes "95 %", "0.01 %", "48.5 ms", "1.25 s"; "–" when there is no value.
std::string percent_text(std::optional<double> percent);
std::string millis_text(std::optional<double> ms);
std::string short_number(std::optional<double> value, int decimals);
// Writes "blue 95 %, green 5 %".
std::string weights_text(const boost::json::value& weights);

}  // namespace cutwater::cli
