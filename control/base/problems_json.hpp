// Problems of a configuration as the API and `cutwater check --json` show them. Pure; any thread.
#pragma once

#include <boost/json.hpp>
#include <vector>

#include "config/report.hpp"

namespace cutwater::control {

inline boost::json::array problems_json(const std::vector<config::Problem>& problems) {
  boost::json::array out;
  for (const auto& problem : problems)
    out.push_back(boost::json::object{{"file", problem.file},
                                      {"line", problem.line},
                                      {"column", problem.column},
                                      {"message", problem.message}});
  return out;
}

}  // namespace cutwater::control
