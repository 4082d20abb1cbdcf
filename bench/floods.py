#!/usr/bin/env python3
"""What HTTP/2 floods cost Cutwater, and what a well-behaved client beside them notices.

usage: floods.py [--build build/release] [--only NAME] [--rounds N] [--pause S] [--out FILE.json]

Starts the proxy and two nginx, all on loopback. Every flood runs for a second at a time,
interleaved with quiet seconds; an attacker that was cut off comes back after 100 ms (--pause). It
is niced: it stands for another machine, so what it costs by computing is not to be counted. Beside
it a client asks over HTTP/1 every millisecond. A flood is met when every connection ends with
GOAWAY ENHANCE_YOUR_CALM and is counted under its name, the resident memory grows by at most 10
bytes for each byte the attacker sent (1 MiB is free, the allocator's grain), and the client's p99
(the median of the rounds) stays below twice the quiet one. A rapid reset may start 1200 upstream
requests, however often it comes back. Each flood has an address of its own: the proxy remembers. CPU
ms is what each connection of the attacker cost the proxy.
Exit status 0: all are met.
"""
import argparse
import dataclasses
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import select
import socket
import statistics
import struct
import sys
import tempfile
import time

import proxies

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, _, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
CALM = 11
ROUND_S, CONNECTION_S = 1.0, 5.0
FREE_BYTES = 1 << 20
STALL_S = 2


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def literal(first, name, value):
    """Writes a literal; names are short and values below 16 KiB (RFC 7541 5.1)."""
    size = bytes([len(value)]) if len(value) < 127 else bytes(
        [127, (len(value) - 127) & 127 | 128, (len(value) - 127) >> 7])
    return bytes([first, len(name)]) + name + size + value


def request(method=b"GET", path=b"/flood"):
    return (literal(0, b":method", method) + literal(0, b":scheme", b"http") +
            literal(0, b":path", path) + literal(0, b":authority", b"shop"))


def head(stream, flags=5, fields=request()):
    return frame(HEADERS, flags, stream, fields)


POST = request(b"POST")


def odd(i):
    return 2 * i + 1


def made_to_reset(i):
    """Makes a server reset a stream that is open for it, in three ways: a window that overflows, a
    body longer than its content-length, trailers that do not end the stream."""
    n = odd(i)
    return [head(n) + frame(WINDOW, 0, n, struct.pack(">I", 0x7fffffff)),
            head(n, 4, POST + literal(0, b"content-length", b"1")) + frame(DATA, 0, n, b"long"),
            head(n, 4, POST) + frame(DATA, 0, n, b"x") + head(n, 4, literal(0, b"x", b"y"))][i % 3]


def headers_then_resets(i):
    """Makes fifty requests, and in another segment their resets: each may have been started."""
    ids = [odd(50 * i + k) for k in range(50)]
    return [b"".join(map(head, ids)), b"".join(frame(RESET, 0, n, struct.pack(">I", 8)) for n in ids)]


@dataclasses.dataclass(frozen=True)
class Flood:
    name: str
    reason: str  # of cutwater_http2_abuse_total
    unit: object  # i -> bytes, or a list of bytes to be sent one by one
    count: int
    first: bytes = b""
    reads: bool = True
    settings: bytes = b""


PLANT = head(1, 5, request() + literal(0x40, b"x", b"y" * 3900))
BOMB = head(3, 5, request() + b"\xbe" * 16_000)
FLOODS = [
    Flood("rapid reset", "client_resets",
          lambda i: head(odd(i)) + frame(RESET, 0, odd(i), struct.pack(">I", 8)), 100_000),
    Flood("rapid reset, by segments", "client_resets", headers_then_resets, 2_000),
    Flood("MadeYouReset", "server_resets", made_to_reset, 100_000),
    Flood("CONTINUATION", "continuations", lambda i: frame(CONTINUATION, 0, 1, b"\0\1x\1y" * 10),
          10_000, frame(HEADERS, 0, 1, request())),
    Flood("CONTINUATION, empty", "continuations", lambda i: frame(CONTINUATION, 0, 1), 10_000,
          frame(HEADERS, 0, 1, request())),
    Flood("empty DATA", "empty_frames", lambda i: frame(DATA, 0, 1), 100_000, head(1, 4, POST)),
    Flood("padded empty DATA", "empty_frames", lambda i: frame(DATA, 8, 1, b"\7" + bytes(7)), 100_000,
          head(1, 4, POST)),
    Flood("HPACK bomb", "header_list", lambda i: BOMB, 1, PLANT),
    Flood("PING", "pings", lambda i: frame(PING, 0, 0, bytes(8)), 100_000),
    Flood("PING, answers unread", "pings", lambda i: frame(PING, 0, 0, bytes(8)), 100_000, reads=False),
    Flood("SETTINGS", "pings", lambda i: frame(SETTINGS, 0, 0), 100_000),
    Flood("PRIORITY", "other_frames", lambda i: frame(PRIORITY, 0, odd(i), bytes(5)), 100_000),
    Flood("WINDOW_UPDATE", "other_frames", lambda i: frame(WINDOW, 0, 0, struct.pack(">I", 1)), 100_000),
    Flood("unknown frames", "other_frames", lambda i: frame(77, 0, 0, b"whatever"), 100_000),
]


# --- the attacker -------------------------------------------------------------------------------

def chunks(flood):
    """Returns what a connection sends, in writes of some 16 KiB."""
    out, kept = [MAGIC + frame(SETTINGS, 0, 0, flood.settings) + flood.first], []
    for i in range(flood.count):
        unit = flood.unit(i)
        if isinstance(unit, list):
            out += unit
            continue
        kept.append(unit)
        if len(kept) * len(unit) > 16_000:
            out.append(b"".join(kept))
            kept = []
    return out + [b"".join(kept)]


def goaway_in(answer):
    """Returns the code of the first GOAWAY that has one, or None."""
    at = 0
    while at + 9 <= len(answer):
        length, kind = int.from_bytes(answer[at:at + 3], "big"), answer[at + 3]
        if kind == GOAWAY and at + 17 <= len(answer):
            code = int.from_bytes(answer[at + 13:at + 17], "big")
            if code:
                return code
        at += 9 + length
    return None


def attack_once(flood, port, parts, source):
    """Returns (bytes sent, code of GOAWAY, was it closed)."""
    sent, answer, closed, queue = 0, b"", False, list(reversed(parts))
    with socket.create_connection(("127.0.0.1", port), 2, (source, 0)) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setblocking(False)
        deadline = time.monotonic() + CONNECTION_S
        while not closed and time.monotonic() < deadline:
            readers = [peer] if flood.reads or not queue else []
            can_read, can_write, _ = select.select(readers, [peer] if queue else [], [], 0.2)
            try:
                if can_read:
                    got = peer.recv(65536)
                    answer += got
                    closed = not got
                if can_write:
                    part = queue.pop()
                    done = peer.send(part)
                    sent += done
                    if done < len(part):
                        queue.append(part[done:])
            except BlockingIOError:
                queue.append(part)
            except OSError:  # the connection was cut off; what it said before may still lie here
                if not can_read:
                    queue, flood = [], dataclasses.replace(flood, reads=True)
                    continue
                closed = True
    return sent, goaway_in(answer), closed


def attacker(flood, port, pause, pipe):
    os.nice(19)
    parts, source = chunks(flood), f"127.0.1.{FLOODS.index(flood) + 1}"
    pipe.send("ready")
    while (seconds := pipe.recv()) > 0:
        end, results = time.monotonic() + seconds, []
        while time.monotonic() < end:
            results.append(attack_once(flood, port, parts, source))
            time.sleep(pause)
        pipe.send(results)


# --- the proxy and who uses it ------------------------------------------------------------------

class Edge:
    """Runs the proxy, and an nginx for the attacker beside the one for the others: the measurement
    is about what they share, the proxy."""

    def __init__(self, build, scratch):
        self.scratch = scratch
        self.log = scratch / "flood.log"
        calm, flood = proxies.free_port(), proxies.free_port()
        self.children = [self.nginx("calm", calm), self.nginx("flood", flood)]
        (scratch / "cutwater.yaml").write_text(
            f"state_dir: {scratch}/state\nadmin: {{listen: '127.0.0.1:0'}}\n"
            f"listeners: [{{name: http, listen: '127.0.0.1:0'}}]\n"
            f"limits: {{client_write_stall: {STALL_S}s}}\n"
            f"routes: [{{match: {{path: /flood}}, service: flood}}, {{service: calm}}]\nservices:\n"
            + "".join(f"  {name}: {{versions: {{blue: 'http://127.0.0.1:{port}'}}, weights: {{blue: 100%}}}}\n"
                      for name, port in (("calm", calm), ("flood", flood))))
        ready = scratch / "ready.json"
        self.proxy = proxies.Process(
            [build / "cutwater", "run", "-c", scratch / "cutwater.yaml", "--ready-file", ready], scratch / "proxy.log")
        self.children.append(self.proxy)
        said = proxies.ready_cutwater(ready, self.proxy)
        self.port = int(said["listeners"]["http"].rpartition(":")[2])
        self.admin = said["admin"]

    def nginx(self, name, port):
        home = self.scratch / name
        (home / "flood").mkdir(parents=True)
        (home / "flood" / "big").write_bytes(bytes(10_000_000))
        temporary = "".join(f"{kind}_temp_path {home}/{kind};" for kind in
                            ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (home / "nginx.conf").write_text(
            f"daemon off; pid {home}/nginx.pid; error_log {home}/error.log; events {{}}\n"
            f"http {{ access_log {home}.log; {temporary} keepalive_requests 1000000;\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 hello; }}\n"
            f"location = /flood/big {{ root {home}; }} }} }}\n")
        return proxies.Process(["nginx", "-c", home / "nginx.conf"], home / "log")

    def stop(self):
        for child in self.children:
            child.stop()

    def abuses(self, reason):
        connection = http.client.HTTPConnection(self.admin, timeout=5)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        found = re.search(rf'^cutwater_http2_abuse_total{{reason="{reason}"}} (\d+)', text, re.M)
        return int(found[1]) if found else 0

    def upstream_requests(self):
        return self.log.read_bytes().count(b"\n")


class Client:
    """Sends GETs one by one over one connection, a millisecond apart."""

    def __init__(self, edge):
        self.edge = edge
        self.connection = http.client.HTTPConnection("127.0.0.1", edge.port, timeout=10)

    def run(self, seconds, until=lambda: False):
        """Runs for `seconds`, and on until `until`; returns (p99 in seconds, most resident memory)."""
        times, most, end = [], 0, time.monotonic() + seconds
        while time.monotonic() < end or not until():
            began = time.perf_counter()
            self.connection.request("GET", "/")
            answer = self.connection.getresponse()
            answer.read()
            if answer.status != 200:
                sys.exit(f"the client beside was answered {answer.status}")
            times.append(time.perf_counter() - began)
            most = max(most, self.edge.proxy.resident_bytes())
            time.sleep(0.001)
        return statistics.quantiles(times, n=100)[98], most


def measure(edge, flood, rounds, pause):
    client = Client(edge)
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=attacker, args=(flood, edge.port, pause, theirs), daemon=True)
    process.start()
    ours.recv()
    counted, upstream, before = edge.abuses(flood.reason), edge.upstream_requests(), edge.proxy.resident_bytes()
    quiet, loud, attacks, most, cpu = [], [], [], 0, 0.0
    for _ in range(rounds):
        began = edge.proxy.cpu_seconds()
        quiet.append(client.run(ROUND_S, lambda: True)[0])
        middle = edge.proxy.cpu_seconds()
        ours.send(ROUND_S)
        p99, memory = client.run(ROUND_S, ours.poll)
        loud.append(p99)
        most = max(most, memory)
        cpu += (edge.proxy.cpu_seconds() - middle) - (middle - began)
        attacks += ours.recv()
    ours.send(0)
    process.join()
    time.sleep(0.3)  # nginx writes its log, workers hand in their counts
    sent = sum(a[0] for a in attacks)
    row = {
        "flood": flood.name, "connections": len(attacks), "bytes": sent,
        "closed": sum(a[2] for a in attacks), "calm": sum(a[1] == CALM for a in attacks),
        "reason": flood.reason, "counted": edge.abuses(flood.reason) - counted,
        "upstream_requests": edge.upstream_requests() - upstream,
        "grown": max(0, most - before), "cpu_ms": max(0.0, cpu) * 1000 / len(attacks), "p99_quiet_us": statistics.median(quiet) * 1e6,
        "p99_flood_us": statistics.median(loud) * 1e6}
    n = row["connections"]
    misses = {
        "closed": row["closed"] == n, "GOAWAY": row["calm"] == n, "counted": row["counted"] == n,
        "memory": row["grown"] <= 10 * sent + FREE_BYTES,
        "p99": row["p99_flood_us"] < 2 * row["p99_quiet_us"],
        "upstream": flood.reason != "client_resets" or row["upstream_requests"] <= 1200}
    row["missed"] = [name for name, met in misses.items() if not met]
    return row


def stalled(edge):
    """Asks for a hundred answers of 10 MB with a window of 0. They are reset, and each stream keeps
    no more than 16 KiB, its upstream connection included (the pools are cold: no flood before has
    begun so many)."""
    before, counted = edge.proxy.resident_bytes(), edge.abuses("stalled_window")
    with socket.create_connection(("127.0.0.1", edge.port), 2) as peer:
        peer.sendall(MAGIC + frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 0)) +
                     b"".join(head(odd(i), 5, request(path=b"/flood/big")) for i in range(100)))
        most, answer, end = 0, b"", time.monotonic() + STALL_S + 3
        peer.settimeout(0.05)
        while time.monotonic() < end and answer.count(b"\0\0\4\3\0") < 100:
            most = max(most, edge.proxy.resident_bytes())
            try:
                answer += peer.recv(65536)
            except TimeoutError:
                pass
    time.sleep(0.3)
    resets, counted = answer.count(b"\0\0\4\3\0"), edge.abuses("stalled_window") - counted
    grown = max(0, most - before)
    print(f"zero window: 100 answers of 10 MB, {resets} streams reset after {STALL_S} s, "
          f"{counted} counted as stalled_window, memory +{grown / 1024:.0f} KiB")
    return {"flood": "zero window", "resets": resets, "counted": counted, "grown": grown,
            "missed": [n for n, met in (("resets", resets == 100), ("counted", counted == 100),
                                        ("memory", grown <= 100 * 16384)) if not met]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default="build/release")
    parser.add_argument("--only", default="", help="floods whose names begin so")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=float, default=0.1, help="seconds until it comes back")
    parser.add_argument("--out", type=pathlib.Path)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        edge = Edge(options.build.resolve(), pathlib.Path(scratch))
        try:
            Client(edge).run(0.5, lambda: True)  # warm
            print(f"{'flood':26}{'conns':>6}{'closed':>7}{'calm':>6}{'counted':>8}  {'as':14}{'MB sent':>8}"
                  f"{'KiB grown':>10}{'CPU ms':>7}{'upstream':>9}{'p99 us':>8}{'beside':>8}  missed")
            for flood in FLOODS:
                if not flood.name.startswith(options.only):
                    continue
                rows.append(r := measure(edge, flood, options.rounds, options.pause))
                print(f"{r['flood']:26}{r['connections']:6}{r['closed']:7}{r['calm']:6}{r['counted']:8}  "
                      f"{r['reason']:14}{r['bytes'] / 1e6:8.2f}{r['grown'] / 1024:10.0f}{r['cpu_ms']:7.1f}"
                      f"{r['upstream_requests']:9}{r['p99_quiet_us']:8.0f}{r['p99_flood_us']:8.0f}  "
                      f"{', '.join(r['missed']) or '-'}", flush=True)
            if "zero window".startswith(options.only):
                rows.append(stalled(edge))
        finally:
            edge.stop()
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")
    missed = [row["flood"] for row in rows if row["missed"]]
    print("missed: " + ", ".join(missed) if missed else "all are met")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
