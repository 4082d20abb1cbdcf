"""Makes load over TLS and HTTP/2 for the side-by-side run: h2load for requests, a loop of
handshakes."""

import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import sys
import time

import proxies

HOST = "shop.example.com"


def parse_h2load(text, log):
    match = re.search(r"requests: \d+ total, \d+ started, \d+ done, (\d+) succeeded, (\d+) failed", text)
    if not match or int(match.group(1)) == 0:
        raise RuntimeError(f"h2load: no request succeeded:\n{text}")
    times = sorted(int(line.rsplit("\t", 1)[1]) for line in log.read_text().splitlines() if line)
    p99_us = statistics.quantiles(times, n=100)[98] if len(times) > 1 else 0.0
    return int(match.group(1)), p99_us, int(match.group(2))


def run_h2load(scenario, proxy, load, seconds):
    port = getattr(proxy, scenario.port)
    log = pathlib.Path(load.work) / "h2load.log"
    log.unlink(missing_ok=True)
    scheme = "https" if scenario.port == "tls_port" else "http"
    command = ["h2load", "-t1", f"-D{seconds}", f"--log-file={log}", *scenario.options]
    command += [f"--header=:authority: {HOST}", f"{scheme}://127.0.0.1:{port}{scenario.path}"]
    done = subprocess.run(
        proxies.pinned(load.core, command), capture_output=True, text=True, timeout=seconds + 60
    )
    if done.returncode != 0:
        raise RuntimeError(f"h2load failed: {done.stderr or done.stdout}")
    return parse_h2load(done.stdout, log)


def handshakes(port, seconds, host, cert, resumed):
    """Connects, asks once and closes, again and again: count, p99 and failures."""
    context = ssl.create_default_context(cafile=str(cert))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    request = f"GET /small HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
    session, times, failures = None, [], 0
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        began = time.monotonic()
        plain = socket.create_connection(("127.0.0.1", port), timeout=5)
        with context.wrap_socket(plain, server_hostname=host, session=session) as secure:
            times.append((time.monotonic() - began) * 1e6)
            secure.sendall(request)
            while secure.recv(4096):
                pass
            failures += bool(resumed and session and not secure.session_reused)
            session = secure.session if resumed else None
    return len(times), statistics.quantiles(times, n=100)[98], failures


def run_handshakes(scenario, proxy, load, seconds):
    """Runs handshakes in a process of its own, pinned, because this one may run anywhere."""
    setting = proxy.setting
    certificate = setting.rsa_certificate if "rsa" in scenario.options else setting.certificate
    resumed = "resumed" in scenario.options
    command = [sys.executable, __file__, str(proxy.tls_port), str(seconds), certificate.host]
    command += [str(certificate.cert), str(int(resumed))]
    done = subprocess.run(
        proxies.pinned(load.core, command), capture_output=True, text=True, timeout=seconds + 60
    )
    if done.returncode != 0:
        raise RuntimeError(f"handshakes failed: {done.stderr}")
    count, p99_us, failures = done.stdout.split()
    return int(count), float(p99_us), int(failures)


if __name__ == "__main__":
    print(*handshakes(int(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:5], sys.argv[5] == "1"))
