// JSON as a person would write it: 0.01 instead of Boost.JSON's 1E-2, 95.5 instead of 9.55E1.
// Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <string>

namespace cutwater::control {

// One line, no spaces. Doubles in their shortest fixed form; NaN and infinities become null.
std::string to_text(const boost::json::value& value);

// A number for JSON: an integer when it is one, else the double.
boost::json::value number(double value);
// Rounded to `decimals` first, for what people read.
boost::json::value rounded(double value, int decimals = 4);

}  // namespace cutwater::control
