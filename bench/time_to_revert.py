#!/usr/bin/env python3
"""How long a bad version is asked: the real proxy, nginx behind it, users at a steady rate.

Each run starts a fresh cutwater, starts a canary of 5 % to a version that fails a share of its
requests, and lets users ask on until the guard has taken it out. The figure counts what nginx saw of
it, from its first 5xx to its last request. The switch is what the decision itself says: from the
deciding request to the last worker. A healthy canary fails as often as the stable version beside it
and must stay.
"""

import argparse
import asyncio
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import proxies

GOALS_S = {100: 0.3, 20: 1.0, 5: 4.0}  # percent of failing requests -> at most
BASELINE_PERCENT = 0.1  # of the stable version's requests fail, beside a bad canary
HEALTHY_PERCENT = 1  # of both versions' requests, when the canary is healthy
GIVE_UP_S = 30


class Upstreams:
    """Runs one nginx, with a server for every share of failing requests that somebody asks for."""

    def __init__(self, folder, percents):
        self.folder = folder
        self.ports = {name: proxies.free_port() for name in percents}
        servers = "".join(self.server(name, percent) for name, percent in percents.items())
        (folder / "nginx.conf").write_text(
            "daemon off; worker_processes 1; pid pid; events { worker_connections 1024; }\n"
            "http { log_format seen '$msec $status'; access_log off; client_body_temp_path body;\n"
            "proxy_temp_path proxy; fastcgi_temp_path fcgi; uwsgi_temp_path uwsgi;\n"
            f"scgi_temp_path scgi;\n{servers}}}\n"
        )
        command = ["nginx", "-p", folder, "-c", "nginx.conf", "-e", "error.log"]
        self.process = proxies.Process(command, folder / "log")
        deadline = time.monotonic() + proxies.START_TIMEOUT_S
        while not (folder / "pid").exists():
            self.process.check()
            if time.monotonic() > deadline:
                raise RuntimeError("nginx does not start")
            time.sleep(0.01)

    def server(self, name, percent):
        fate = f"{percent}% 503; * 200;" if percent < 100 else "* 503;"
        return (
            f'split_clients "$request_id" $fate_{name} {{ {fate} }}\n'
            f"server {{ listen 127.0.0.1:{self.ports[name]} backlog=1024;\n"
            f"  keepalive_requests 10000000; access_log {self.folder}/{name}.log seen;\n"
            f"  location / {{ if ($fate_{name} = 503) {{ return 503; }} return 200 ok; }} }}\n"
        )

    def seen(self, name):
        """Returns [(unix seconds, status)] of every request that reached it."""
        lines = (self.folder / f"{name}.log").read_text().splitlines()
        return [(float(at), int(status)) for at, status in map(str.split, lines)]

    def forget(self, name):
        (self.folder / f"{name}.log").write_text("")  # nginx appends: it goes on at the new end


class Users:
    """Makes an open loop: requests leave at their rate whether or not earlier ones were answered."""

    def __init__(self, port, rate):
        self.port, self.rate = port, rate
        self.idle = []

    async def ask(self):
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        user = ".".join(str(random.randrange(1, 255)) for _ in range(3))  # the balancer says it
        writer.write(f"GET / HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 10.{user}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        self.idle.append((reader, writer))

    async def run(self, stop, limit_s):
        start, tasks, count = time.monotonic(), set(), 0
        while not stop.is_set() and time.monotonic() < start + limit_s:
            due = int((time.monotonic() - start) * self.rate)
            for _ in range(count, due):
                task = asyncio.create_task(self.ask())
                tasks.add(task)
                task.add_done_callback(tasks.discard)
            count = max(count, due)
            await asyncio.sleep(0.002)
        await asyncio.gather(*tasks)


class Cutwater:
    def __init__(self, binary, folder, stable, canary):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        self.binary = binary
        (folder / "cutwater.yaml").write_text(f"""
state_dir: {folder}/state
workers: 2
admin: {{listen: "127.0.0.1:0"}}
listeners: [{{name: http, listen: "127.0.0.1:0", trusted_proxies: [127.0.0.0/8]}}]
drain_notice: 0ms
services:
  shop:
    versions: {{stable: "http://127.0.0.1:{stable}", canary: "http://127.0.0.1:{canary}"}}
    stable: stable
    sticky: none
""")
        ready = folder / "ready.json"
        self.process = proxies.Process(
            [binary, "run", "-c", folder / "cutwater.yaml", "--ready-file", ready], folder / "log"
        )
        told = proxies.ready_cutwater(ready, self.process)
        self.admin = f"http://{told['admin']}"
        self.port = int(told["listeners"]["http"].rsplit(":", 1)[1])
        self.command("rollout", "start", "shop", "--to", "canary", "--steps", "5%,100%", "--bake", "5m")

    def command(self, *words):
        subprocess.run([self.binary, "--admin", self.admin, *words], check=True, capture_output=True)

    def get(self, path):
        with urllib.request.urlopen(self.admin + path, timeout=5) as answer:
            return json.load(answer)

    def reverted(self):
        """Returns the evidence of the rollback, once it is decided."""
        decisions = self.get("/v1/decisions?service=shop")["decisions"]
        found = [decision for decision in decisions if decision["action"] == "rolled_back"]
        return found[0] if found else None


async def until_reverted(proxy, stop, limit_s):
    """Ends the load a moment after the rollback: a late request would be seen."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if found := await asyncio.to_thread(proxy.reverted):
            await asyncio.sleep(0.5)
            stop.set()
            return found
        await asyncio.sleep(0.1)
    stop.set()
    return None


async def one_run(options, folder, upstreams, stable, canary, limit_s=GIVE_UP_S):
    upstreams.forget(canary)
    proxy = Cutwater(options.binary, folder / "proxy", upstreams.ports[stable], upstreams.ports[canary])
    try:
        users, stop = Users(proxy.port, options.rate), asyncio.Event()
        load, watch = users.run(stop, limit_s), until_reverted(proxy, stop, limit_s)
        _, decision = await asyncio.gather(load, watch)
        return decision, upstreams.seen(canary)
    finally:
        proxy.process.stop()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def judge_bad(options, folder, upstreams, percent, switches):
    times, requests = [], []
    for _ in range(options.runs):
        decision, seen = asyncio.run(one_run(options, folder, upstreams, "stable", f"bad_{percent}"))
        first_bad = next(at for at, status in seen if status >= 500)
        times.append(seen[-1][0] - first_bad if decision else float("inf"))
        requests.append(len(seen))
        if decision:
            switches.append(decision["evidence"]["switched_ms"])
    print(
        f"{percent:3} % errors, {options.runs} runs: first bad to last request"
        f" median {statistics.median(times):.3f} s, p95 {percentile(times, 0.95):.3f}, worst {max(times):.3f}"
        f" (goal {GOALS_S.get(percent, '-')}); requests on it"
        f" median {statistics.median(requests):.0f}, p95 {percentile(requests, 0.95)}",
        flush=True,
    )


def judge_healthy(options, folder, upstreams):
    reverted = 0
    limit_s = options.healthy_requests / options.rate
    for _ in range(options.healthy_runs):
        decision, _ = asyncio.run(one_run(options, folder, upstreams, "healthy_stable", "healthy", limit_s))
        reverted += decision is not None
    print(
        f"healthy, {HEALTHY_PERCENT} % errors, {options.healthy_runs} runs of"
        f" {options.healthy_requests} requests: {reverted} reverted"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", default="build/release", help="where cutwater is")
    parser.add_argument("--rate", type=int, default=1000, help="requests per second, all users")
    parser.add_argument("--runs", type=int, default=20, help="for each share of errors")
    parser.add_argument("--errors", default="100,20,5", help="percent of the canary's requests that fail")
    parser.add_argument("--healthy-runs", type=int, default=0)
    parser.add_argument("--healthy-requests", type=int, default=20000)
    options = parser.parse_args()
    options.binary = pathlib.Path(options.build).resolve() / "cutwater"
    proxies.raise_descriptor_limit()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="cutwater-revert."))
    failing = [int(percent) for percent in options.errors.split(",") if percent]
    percents = {f"bad_{percent}": percent for percent in failing}
    percents |= {"stable": BASELINE_PERCENT, "healthy": HEALTHY_PERCENT, "healthy_stable": HEALTHY_PERCENT}
    upstreams, switches = Upstreams(folder, percents), []
    try:
        for percent in failing:
            judge_bad(options, folder, upstreams, percent, switches)
        if switches:
            print(
                f"deciding request to last worker, {len(switches)} times:"
                f" median {statistics.median(switches):.2f} ms, p99 {percentile(switches, 0.99):.2f} (goal 10)"
            )
        if options.healthy_runs:
            judge_healthy(options, folder, upstreams)
    finally:
        upstreams.process.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
