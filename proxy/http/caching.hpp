// Reads what a response says about caches (RFC 9111 5.2.2). It is pure and may run on any thread.
#pragma once

#include "proxy/http/message.hpp"

namespace cutwater::http {

// Says whether a cache that many users share may keep the response and give it to all of them: the
// response says public, s-maxage, or a max-age above 0 without no-cache; not private, not no-store,
// and it sets no cookie of its own. `private` and `no-cache` that name fields speak of those fields
// alone.
bool may_be_kept_for_all(const ResponseHead& head);

}  // namespace cutwater::http
