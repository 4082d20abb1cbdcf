// Says what a decision means to the people who are told of it: its word in `on:`, how bad it is,
// and the sentences. They are pure values, stored in the outbox and turned into each channel's form
// at delivery.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "control/store/records.hpp"

namespace cutwater::control::notify {

enum class Severity { Info, Warning, Error, Critical };
std::string_view to_string(Severity severity);
Severity severity_from(std::string_view text);  // Info for anything else

// Returns the word of config::kNotifyEvents for a decision's action; "other" for an action without
// one.
std::string_view kind_of_action(std::string_view action);
// Error and worse need a person: a version was reverted by itself, or nobody can decide.
Severity severity_of(std::string_view kind, std::string_view cause);
// Says whether the rollout is over.
bool is_end(std::string_view kind);
// Says whether somebody or something went on, so that the incident needs nobody any more.
bool closes_incident(std::string_view kind);

// Makes the decision's event with "kind" and "severity"; the store fills in its seq.
boost::json::object event_of(const Decision& decision);
// Makes what `cutwater notify test` sends.
boost::json::object test_event(const std::string& time);

// Returns the decision's rollout, else the service it is about, else the word.
std::string topic_of(const Decision& decision);

// Writes "shop: rolled back (guard)".
std::string title_of(const boost::json::object& event);
// Writes "error rate of green is above 5%: ...".
std::string text_of(const boost::json::object& event);
// Writes "rollout r-2x3 · blue 100 % · by cutwater".
std::string details_of(const boost::json::object& event);
// Returns a text member; "" when it is missing or not text.
std::string member(const boost::json::object& event, std::string_view name);

}  // namespace cutwater::control::notify
