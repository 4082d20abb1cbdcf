// Writes JSON as a person would: 0.01 instead of Boost.JSON's 1E-2, 95.5 instead of 9.55E1. It is
// pure; any thread may call it.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace cutwater::control {

// Writes one line without spaces. Doubles have their shortest fixed form; NaN and infinities become
// null.
std::string to_text(const boost::json::value& value);

// Makes a number for JSON: an integer when the value is one, else the double.
boost::json::value number(double value);
// Rounds to `decimals` first, for what people read.
boost::json::value rounded(double value, int decimals = 4);

}  // namespace cutwater::control
