// Serves the status page: one static document, one script, one style sheet. Nothing is inline and
// nothing comes from elsewhere, so that the content security policy can stay `default-src 'self'`.
#include "control/admin/session.hpp"

namespace cutwater::control::admin {
namespace {

constexpr std::string_view kHtml = R"page(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Cutwater</title>
<link rel="stylesheet" href="/ui.css">
</head>
<body>
<header>
  <h1><svg viewBox="0 0 24 24" aria-hidden="true"><path d="M2 12 L11 5 V19 Z M14 7 H22 M14 17 H22"/></svg>Cutwater</h1>
  <p id="state" role="status">connecting</p>
</header>
<form id="login" hidden>
  <label for="token">This proxy asks for a token</label>
  <input id="token" type="password" autocomplete="off" required>
  <button>Use it</button>
</form>
<main id="services" aria-label="Services"></main>
<section aria-labelledby="history">
  <h2 id="history">Last decisions</h2>
  <ol id="decisions"><li class="quiet">None yet</li></ol>
</section>
<noscript>This page needs its script. <code>cutwater status</code> shows the same.</noscript>
<script src="/ui.js"></script>
</body>
</html>
)page";

constexpr std::string_view kCss = R"page(:root {
  color-scheme: light dark;
  --ground: #f5f6f8; --panel: #fff; --ink: #1a2230; --quiet: #5d6879; --line: #dfe3ea;
  --stable: #2a6fb0; --candidate: #1d8a5f; --good: #1a7f4b; --bad: #b3261e; --wait: #8a5a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #12161d; --panel: #1a202a; --ink: #e8ecf2; --quiet: #9aa6b8; --line: #2c3543;
    --stable: #6cb1ec; --candidate: #5fd0a0; --good: #6ddb9e; --bad: #ff8a80; --wait: #f2c46d;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 3rem; max-width: 64rem; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums;
}
header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; }
h1 { font-size: 1.25rem; margin: 0; }
h1 svg { width: 1.3em; vertical-align: -.28em; margin-right: .4em; fill: var(--stable);
  stroke: var(--candidate); stroke-width: 2.5; }
h2 { font-size: 1.05rem; margin: 0; }
#state, .quiet { color: var(--quiet); margin: 0; }
#state.lost { color: var(--bad); font-weight: 600; }
article, section, form {
  background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  padding: 1rem 1.2rem; margin: 1rem 0;
}
article > div:first-child { display: flex; justify-content: space-between; flex-wrap: wrap; gap: .5rem; }
.split { display: flex; height: .7rem; border-radius: .35rem; overflow: hidden; gap: 2px; margin: .8rem 0;
  background: var(--line); }
.split i { background: var(--candidate); transition: flex-grow .4s; flex-basis: 0; }
.split i.stable { background: var(--stable); }
@media (prefers-reduced-motion: reduce) { .split i { transition: none; } }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .3rem .6rem; border-top: 1px solid var(--line); white-space: nowrap; }
thead th { border: 0; color: var(--quiet); font-weight: 500; font-size: .85rem; }
th:first-child, td:last-child, thead th:last-child { text-align: left; }
.good { color: var(--good); } .bad { color: var(--bad); font-weight: 600; } .wait { color: var(--wait); }
ol { list-style: none; margin: .6rem 0 0; padding: 0; }
li { padding: .35rem 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
li:first-child { border: 0; }
time { color: var(--quiet); margin-right: .7rem; }
input, button { font: inherit; padding: .35rem .7rem; border: 1px solid var(--line); border-radius: 6px;
  background: var(--ground); color: inherit; }
button { cursor: pointer; }
:focus-visible { outline: 2px solid var(--stable); outline-offset: 2px; }
)page";

constexpr std::string_view kJs = R"page('use strict';
const byId = id => document.getElementById(id);
let token = sessionStorage.getItem('token') || '';

function node(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

async function get(path) {
  const headers = token ? {Authorization: 'Bearer ' + token} : {};
  const answer = await fetch(path, {headers, cache: 'no-store', signal: AbortSignal.timeout(5000)});
  if (answer.status === 401 || answer.status === 403) throw {login: true};
  if (!answer.ok) throw new Error('the proxy answered ' + answer.status);
  return answer.json();
}

const number = (value, digits) => typeof value === 'number'
  ? value.toLocaleString(undefined, {maximumFractionDigits: digits}) : '–';
const percent = (value, digits = 2) => typeof value === 'number' ? number(value, digits) + ' %' : '–';
const millis = value => typeof value !== 'number' ? '–'
  : value >= 1000 ? number(value / 1000, 2) + ' s' : number(value, 1) + ' ms';
const words = text => String(text || '').toLowerCase().replaceAll('_', ' ');

function verdictClass(verdict) {
  if (verdict === 'pass') return 'good';
  if (verdict === 'fail' || verdict === 'locked out') return 'bad';
  return 'wait';
}

function versionRow(service, version) {
  const row = node('tr');
  const name = node('th', version.name);
  name.scope = 'row';
  if (version.name === service.stable) name.append(node('span', ' stable', 'quiet'));
  row.append(name);
  const seen = version.windows['60s'];
  const errors = seen.requests ? seen.error_rate * 100 : undefined;
  const up = version.endpoints.filter(endpoint => endpoint.healthy).length;
  for (const cell of [percent(version.weight, 4), percent(version.weight_actual_10s, 4), up + '/' + version.endpoints.length,
                      number(seen.requests_per_second, 1), percent(errors), millis(seen.p50_ms),
                      millis(seen.p95_ms), millis(seen.p99_ms)]) row.append(node('td', cell));
  const drained = version.lock_out && version.lock_out.action === 'drained';
  const verdict = !version.locked_out ? words(version.verdict) : drained ? 'drained' : 'locked out';
  row.append(node('td', verdict || '–', verdictClass(verdict)));
  return row;
}

const decided = by => by.time + (by.decision ? ' by decision ' + by.decision : '') + ': ' + by.reason;

function lastRollout(last) {
  const what = `${last.from} → ${last.to}: `;
  return what + (last.taken_back ? 'taken back at ' + decided(last.taken_back) : words(last.phase));
}

// What the figures leave open: why an endpoint or a version has no traffic.
function reasons(service) {
  const lines = [];
  for (const version of service.versions) {
    for (const endpoint of version.endpoints)
      if (!endpoint.healthy && endpoint.why)
        lines.push(`${endpoint.url} of ${version.name} is down since ${endpoint.down_since}: ${endpoint.why}`);
    const by = version.lock_out;
    if (by) lines.push(`${version.name} is ${by.action === 'drained' ? 'drained' : 'locked out'} since ${decided(by)}`);
  }
  const unavailable = service.unavailable && service.unavailable['60s'];
  if (unavailable) lines.push(
    `${number(unavailable, 0)} requests of the last 60 s were answered with 503 by the proxy: no endpoint was there`);
  return lines;
}

function serviceCard(service) {
  const card = node('article');
  const head = node('div');
  head.append(node('h2', service.name));
  const rollout = service.rollout;
  head.append(node('span', rollout
    ? `${rollout.from} → ${rollout.to}: ${words(rollout.phase)}, ${percent(rollout.weight, 4)}`
    : service.last_rollout ? lastRollout(service.last_rollout)
    : 'generation ' + service.generation, 'quiet'));
  card.append(head);
  const versions = service.versions;
  const split = node('div', null, 'split');
  split.setAttribute('role', 'img');
  split.setAttribute('aria-label', 'Split: ' + versions.map(version =>
    `${version.name} ${percent(service.weights[version.name], 4)}`).join(', '));
  for (const version of versions) {
    const share = service.weights[version.name] || 0;
    if (!share) continue;
    const part = node('i', null, version.name === service.stable ? 'stable' : '');
    part.style.flexGrow = share;
    split.append(part);
  }
  card.append(split);
  const table = node('table');
  const titles = node('tr');
  for (const title of ['Version', 'Weight', 'Actual (10 s)', 'Up', 'Requests/s', 'Errors', 'p50', 'p95', 'p99',
                       'Verdict']) {
    const cell = node('th', title);
    cell.scope = 'col';
    titles.append(cell);
  }
  const top = node('thead');
  top.append(titles);
  const body = node('tbody');
  for (const version of versions) body.append(versionRow(service, version));
  table.append(top, body);
  const scroll = node('div', null, 'scroll');
  scroll.append(table);
  card.append(scroll);
  for (const line of reasons(service)) card.append(node('p', line, 'bad'));
  if (rollout && rollout.reason) card.append(node('p', rollout.reason, 'quiet'));
  return card;
}

function showDecisions(answer) {
  const items = answer.decisions.reverse();
  if (!items.length) return;
  byId('decisions').replaceChildren(...items.map(decision => {
    const item = node('li');
    const when = node('time', new Date(decision.time).toLocaleTimeString());
    when.dateTime = decision.time;
    item.append(when, node('strong', `${decision.service} ${words(decision.action)}`),
      node('span', ` by ${decision.actor}: ${decision.reason || words(decision.cause)}`));
    return item;
  }));
}

async function refresh() {
  const state = byId('state');
  try {
    const {services} = await get('/v1/services');
    byId('services').replaceChildren(...services.map(serviceCard));
    showDecisions(await get('/v1/decisions?limit=8'));
    byId('login').hidden = true;
    state.className = '';
    if (state.textContent !== 'live') state.textContent = 'live';
  } catch (problem) {
    byId('login').hidden = !problem.login;
    state.className = 'lost';
    const text = problem.login ? 'token needed' : 'no answer; showing the last known state';
    if (state.textContent !== text) state.textContent = text;
  }
  if (byId('login').hidden) setTimeout(refresh, 1000);
}

byId('login').addEventListener('submit', event => {
  event.preventDefault();
  token = byId('token').value;
  sessionStorage.setItem('token', token);
  refresh();
});
refresh();
)page";

}  // namespace

PageFile page_file(std::string_view pattern) {
  if (pattern == "/ui.js") return {"text/javascript; charset=utf-8", kJs};
  if (pattern == "/ui.css") return {"text/css; charset=utf-8", kCss};
  return {"text/html; charset=utf-8", kHtml};
}

}  // namespace cutwater::control::admin
