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
  std::size_t columns = 80;  // tables are not wider; that of the terminal, if `out` is one
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
  // Widths are counted in code points, so that "–" does not shift a column. A table that is wider
  // than `io.columns` wraps its last column; where that is not enough, the columns that do not fit
  // stand below their row.
  void print(const Io& io, bool colour) const;

 private:
  std::vector<std::size_t> widths() const;
  void print_row(const Io& io, bool colour, std::size_t row, std::size_t fitting,
                 const std::vector<std::size_t>& widths) const;

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

// Writes "95 %", "0.01 %", "8.5 ms", "49 ms", "1.25 s"; "–" when there is no value.
std::string percent_text(std::optional<double> percent);
std::string millis_text(std::optional<double> ms);
std::string short_number(std::optional<double> value, int decimals);
// Writes an e-value: "12.25", "1274", "1.3e19".
std::string evidence_text(std::optional<double> value);
// Breaks a text at blanks into lines of at most `columns` code points; a longer word stays whole.
std::vector<std::string> wrapped(const std::string& text, std::size_t columns);
// Writes "2026-11-23T10:00:00.000Z by decision 12: REASON" of a decision about a version.
std::string decided_text(const boost::json::value& decision);
// Writes "blue 95 %, green 5 %".
std::string weights_text(const boost::json::value& weights);

}  // namespace cutwater::cli
