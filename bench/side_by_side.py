#!/usr/bin/env python3
"""Cutwater beside its peers: CPU time, latency and memory of one worker on one core.

Core 0 carries the proxy, core 1 the load (wrk) and two nginx upstreams. Rounds are interleaved
(every proxy once, then again) so that a disturbance of the machine meets all of them, and medians
over the rounds are shown. It writes JSON for scripts and a table for people.
"""

import argparse
import dataclasses
import datetime
import http.client
import json
import os
import pathlib
import platform
import re
import secrets
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import proxies
import secure

CONNECTIONS = 32
IDLE_CONNECTIONS = 5000


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    path: str
    unit: str  # "us/request" or "s/GB"
    script: str = ""  # wrk's Lua; {cookies} becomes a list of Cookie values
    body_bytes: int = 0
    tool: str = "wrk"  # or h2load, handshakes
    port: str = "port"  # or h2c_port, tls_port: which of the proxy's listeners
    options: tuple = ()  # of the tool


POST_SCRIPT = """
wrk.method = "POST"
wrk.body = string.rep("x", 4096)
wrk.headers["Content-Type"] = "application/octet-stream"
"""

COOKIE_SCRIPT = """
local cookies = {{{cookies}}}
local requests, at = {{}}, 0
init = function()
  for i, cookie in ipairs(cookies) do
    requests[i] = wrk.format("GET", "/small", {{["Cookie"] = cookie, ["Host"] = "shop.example.com"}})
  end
end
request = function()
  at = at % #requests + 1
  return requests[at]
end
"""

SCENARIOS = [
    Scenario("small GET", "/small", "us/request"),
    Scenario("small GET, returning visitors", "/small", "us/request", COOKIE_SCRIPT),
    Scenario("POST 4 KiB", "/post", "us/request", POST_SCRIPT),
    Scenario("64 KiB response", "/64k", "s/GB", body_bytes=64 << 10),
    Scenario("1 MiB response", "/1m", "s/GB", body_bytes=1 << 20),
]

H2_OPTIONS = ("-c10", "-m32")
SECURE_SCENARIOS = [
    Scenario("h2c small GET, 10x32 streams", "/small", "us/request", "", 0, "h2load", "h2c_port", H2_OPTIONS),
    Scenario("h2 TLS small GET, 10x32 streams", "/small", "us/request", "", 0, "h2load", "tls_port", H2_OPTIONS),
    # An upstream that costs less (no file, one segment) makes the proxy nearly the limit.
    Scenario("h2c from memory, 10x32 streams", "/memory", "us/request", "", 0, "h2load", "h2c_port", H2_OPTIONS),
    Scenario("h2 TLS from memory, 10x32 streams", "/memory", "us/request", "", 0, "h2load", "tls_port", H2_OPTIONS),
    Scenario("h2 TLS 64 KiB response", "/64k", "s/GB", "", 64 << 10, "h2load", "tls_port", ("-c10", "-m4")),
    Scenario("h1 TLS 1.3 small GET, keep-alive", "/small", "us/request", "", 0, "h2load", "tls_port",
             ("--h1", f"-c{CONNECTIONS}")),
    Scenario("TLS 1.3 handshake, P-256", "/small", "us/request", "", 0, "handshakes", "tls_port"),
    Scenario("TLS 1.3 handshake, RSA-2048", "/small", "us/request", "", 0, "handshakes", "tls_port", ("rsa",)),
    Scenario("TLS 1.3 handshake, resumed", "/small", "us/request", "", 0, "handshakes", "tls_port",
             ("resumed",)),
]  # fmt: skip
TOOLS = {"h2load": secure.run_h2load, "handshakes": secure.run_handshakes}


@dataclasses.dataclass
class Sample:
    cost: float  # in the scenario's unit
    requests_per_second: float
    p99_us: float
    busy: float  # share of the core the proxy used
    failures: int


def parse_duration_us(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}[unit]


def parse_wrk(text):
    requests = int(re.search(r"(\d+) requests in", text).group(1))
    if requests == 0:
        raise RuntimeError(f"no request was answered:\n{text}")
    p99_us = parse_duration_us(re.search(r"^\s+99%\s+(\S+)", text, re.MULTILINE).group(1))
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    failures = sum(int(count) for count in errors.groups()) if errors else 0
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    return requests, p99_us, failures + (int(refused.group(1)) if refused else 0)


class Load:
    """Runs wrk on its own core."""

    def __init__(self, work, core, seconds):
        self.work, self.core, self.seconds = pathlib.Path(work), core, seconds

    def run(self, scenario, proxy, cookies, seconds=None):
        if scenario.tool in TOOLS:
            return TOOLS[scenario.tool](scenario, proxy, self, seconds or self.seconds)
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds or self.seconds}s", "--latency"]
        if scenario.script:
            script = self.work / "wrk.lua"
            quoted = ", ".join(json.dumps(cookie) for cookie in cookies)
            text = scenario.script
            script.write_text(text.format(cookies=quoted) if "{cookies}" in text else text)
            command += ["-s", str(script)]
        command.append(f"http://127.0.0.1:{proxy.port}{scenario.path}")
        command = proxies.pinned(self.core, command)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"wrk failed: {done.stderr or done.stdout}")
        return parse_wrk(done.stdout)


def measure(proxy, scenario, load, cookies):
    load.run(scenario, proxy, cookies, seconds=1)  # fills pools and caches
    cpu, began = proxy.process.cpu_seconds(), time.monotonic()
    requests, p99_us, failures = load.run(scenario, proxy, cookies)
    cpu, wall = proxy.process.cpu_seconds() - cpu, time.monotonic() - began
    proxy.process.check()
    if requests == 0:
        raise RuntimeError(f"{proxy.name}: no request was answered\n" + proxy.process.tail())
    cost = cpu / requests * 1e6
    if scenario.unit == "s/GB":
        cost = cpu / (requests * scenario.body_bytes / 1e9)
    return Sample(cost, requests / wall, p99_us, cpu / wall, failures)


def fetch_cookies(proxy, count):
    """Returns cookies as returning visitors bring them; for a proxy that sets none, made-up ones."""
    cookies = []
    for _ in range(count):
        connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=5)
        connection.request("GET", "/small")
        response = connection.getresponse()
        response.read()
        connection.close()
        given = response.getheader("Set-Cookie")
        cookies.append(given.split(";")[0] if given else f"cw_shop={secrets.token_urlsafe(32)}")
    return cookies


def memory_per_idle_connection(proxy, count):
    """Divides the growth of resident memory: each connection makes one request, then is silent."""
    request = b"GET /small HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"
    sockets = []

    def open_one():
        connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=10)
        sockets.append(connection)
        connection.sendall(request)
        answer = b""
        while not answer.endswith(b"x" * 100):
            chunk = connection.recv(4096)
            if not chunk:
                raise RuntimeError(f"{proxy.name}: closed connection {len(sockets)}")
            answer += chunk

    try:
        for _ in range(50):  # the first connections pay for what all of them share
            open_one()
        before = proxy.process.resident_bytes()
        for _ in range(count):
            open_one()
        time.sleep(0.5)
        return (proxy.process.resident_bytes() - before) / count
    finally:
        for connection in sockets:
            connection.close()


# ---- results -----------------------------------------------------------------------------------


class Results:
    def __init__(self):
        self.samples = {}  # (proxy, scenario) -> [Sample]
        self.idle = {}  # proxy -> [bytes]

    def add(self, proxy, scenario, sample):
        self.samples.setdefault((proxy, scenario), []).append(sample)

    def median(self, proxy, scenario, field="cost"):
        samples = self.samples.get((proxy, scenario))
        return statistics.median(getattr(sample, field) for sample in samples) if samples else None

    def idle_bytes(self, proxy):
        return statistics.median(self.idle[proxy]) if self.idle.get(proxy) else None

    def failures(self):
        return [
            f"{proxy}, {scenario}: {sample.failures} failed requests"
            for (proxy, scenario), samples in self.samples.items()
            for sample in samples
            if sample.failures
        ]

    def as_json(self, names):
        rows = {}
        for scenario in SCENARIOS:
            row = rows.setdefault(scenario.name, {"unit": scenario.unit, "proxies": {}})
            for name in names:
                if (name, scenario.name) in self.samples:
                    row["proxies"][name] = {
                        "median_cost": self.median(name, scenario.name),
                        "median_p99_us": self.median(name, scenario.name, "p99_us"),
                        "samples": list(map(dataclasses.asdict, self.samples[name, scenario.name])),
                    }
        idle = {
            name: {"median_bytes": self.idle_bytes(name), "samples": self.idle[name]}
            for name in names
            if name in self.idle
        }
        return {"scenarios": rows, "idle_connection_bytes": idle}


def table(head, rows):
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row):
        first, *others = zip(row, widths)
        cells = [first[0].ljust(first[1])] + [cell.rjust(width) for cell, width in others]
        return "| " + " | ".join(cells) + " |"

    rule = "|-" + "-" * widths[0] + "-|" + "|".join("-" * (w + 1) + ":" for w in widths[1:]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def number(value, digits=2):
    return "-" if value is None else f"{value:.{digits}f}"


def report(results, names):
    parts = []
    rows = []
    for s in SCENARIOS:
        rows.append([f"{s.name}, {s.unit}", *(number(results.median(n, s.name)) for n in names)])
    kib = [results.idle_bytes(n) for n in names]
    rows.append(["idle connection, KiB", *(number(None if b is None else b / 1024) for b in kib)])
    parts.append("CPU time and memory (medians)\n" + table(["", *names], rows))

    for field, title in (
        ("p99_us", f"p99, us, {CONNECTIONS} connections, closed loop"),
        ("requests_per_second", "requests per second"),
    ):
        rows = [
            [s.name, *(number(results.median(n, s.name, field), 0) for n in names)] for s in SCENARIOS
        ]
        parts.append(f"{title}\n" + table(["", *names], rows))

    peers = [n for n in names if not n.startswith("cutwater")]
    for own in (n for n in names if n.startswith("cutwater")):
        rows = []
        for s in SCENARIOS:
            cost = results.median(own, s.name)
            ratios = (results.median(peer, s.name) for peer in peers)
            rows.append([s.name, *(number(cost / r if cost and r else None) for r in ratios)])
        title = f"{own}: CPU time as a multiple of the peer's (below 1 is better)"
        parts.append(f"{title}\n" + table(["", *peers], rows))
    return "\n\n".join(parts)


def machine():
    def version(command):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=10)
            return (done.stdout + done.stderr).strip().splitlines()[0]
        except (OSError, IndexError):
            return None

    cpu = re.search(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    return {
        "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "cpu": cpu.group(1) if cpu else platform.machine(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "nginx": version(["nginx", "-v"]),
        "haproxy": version(["haproxy", "-v"]),
        "nghttpx": version(["nghttpx", "--version"]),
        "wrk": version(["wrk", "-v"]),
        "h2load": version(["h2load", "--version"]),
        "openssl": version(["openssl", "version"]),
    }


# ---- the run -----------------------------------------------------------------------------------


def run_round(kind, setting, load, results, options):
    proxy = kind(setting)
    proxy.start()
    try:
        cookies = fetch_cookies(proxy, 200)
        for scenario in SCENARIOS:
            if options.scenario and options.scenario not in scenario.name:
                continue
            if getattr(proxy, scenario.port) is None:
                continue  # this proxy has no such listener
            sample = measure(proxy, scenario, load, cookies)
            results.add(proxy.name, scenario.name, sample)
            print(
                f"  {proxy.name:13} {scenario.name:33} {sample.cost:8.2f} {scenario.unit:10} "
                f"{sample.requests_per_second:9.0f}/s  p99 {sample.p99_us:7.0f} us  "
                f"core {sample.busy:4.0%}" + (f"  {sample.failures} FAILED" if sample.failures else ""),
                file=sys.stderr,
            )
    finally:
        proxy.stop()
    if options.no_idle:
        return
    proxy.start()  # started again: memory that a load left behind would hide the growth
    try:
        idle = memory_per_idle_connection(proxy, options.idle)
        results.idle.setdefault(proxy.name, []).append(idle)
        print(f"  {proxy.name:13} idle connection {idle / 1024:24.2f} KiB", file=sys.stderr)
    finally:
        proxy.stop()


def choose(setting, wanted):
    kinds = [kind for kind in proxies.ALL if not wanted or kind.name in wanted]
    missing = [kind.name for kind in kinds if not kind.available(setting)]
    if missing:
        print(f"not here, left out: {', '.join(missing)}", file=sys.stderr)
    return [kind for kind in kinds if kind.name not in missing]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--build", default="build/release", help="where cutwater and bench/byte_relay are")
    add("--out", default="build/bench/results.json")
    add("--rounds", type=int, default=3)
    add("--seconds", type=int, default=4, help="of load per measurement")
    add("--idle", type=int, default=IDLE_CONNECTIONS, help="idle connections")
    add("--no-idle", action="store_true")
    add("--no-tls", action="store_true", help="leave out TLS and HTTP/2")
    add("--quick", action="store_true", help="one short round, to see that it works")
    add("--only", default="", help="proxies, comma separated")
    add("--scenario", default="", help="only scenarios whose name contains this")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.idle = 1, 1, min(options.idle, 1000)
    return options


def main():
    options = parse_options()
    proxies.raise_descriptor_limit()
    proxy_core, load_core = (0, 1) if len(os.sched_getaffinity(0)) > 1 else (None, None)
    work = pathlib.Path(tempfile.mkdtemp(prefix="cutwater-bench."))
    upstreams, results = [], Results()
    try:
        setting = proxies.Setting(work, pathlib.Path(options.build).resolve(), (), proxy_core)
        upstreams += [proxies.Upstream(name, setting, load_core) for name in ("blue", "green")]
        setting.upstream_ports = tuple(upstream.port for upstream in upstreams)
        if not options.no_tls:
            setting.certificate = proxies.Certificate(work)
            setting.rsa_certificate = proxies.Certificate(work, "rsa.example.com", proxies.RSA2048)
            SCENARIOS.extend(SECURE_SCENARIOS)
        kinds = choose(setting, options.only.split(",") if options.only else [])
        load = Load(work, load_core, options.seconds)
        for number_of_round in range(options.rounds):
            print(f"round {number_of_round + 1} of {options.rounds}", file=sys.stderr)
            for kind in kinds:
                run_round(kind, setting, load, results, options)
    finally:
        for upstream in upstreams:
            upstream.stop()
        shutil.rmtree(work, ignore_errors=True)
    names = [kind.name for kind in kinds]
    print("\n" + report(results, names))
    out = pathlib.Path(options.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    setup = {"machine": machine(), "rounds": options.rounds, "seconds": options.seconds}
    out.write_text(json.dumps({**setup, **results.as_json(names)}, indent=2) + "\n")
    print(f"\nwritten to {out}", file=sys.stderr)
    failures = results.failures()
    if failures:
        listed = "\n  ".join(failures)
        print(f"requests failed, the figures are not comparable:\n  {listed}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
