"""Says how each proxy of the side-by-side run is configured, started, measured and stopped.

Every proxy gets one worker on one core, splits 95/5 over two upstreams, keeps connections on both
sides and adds X-Forwarded-For and -Proto, as an edge must (the byte relay, which understands
nothing, is the floor). Proxies that can do so also listen with TLS (ALPN h2 and http/1.1) and
for HTTP/2 in clear text, when the setting has a certificate. Add one by adding a class with
`name`, `needs` and `command()`.
"""

import http.client
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import time

HERTZ = os.sysconf("SC_CLK_TCK")
START_TIMEOUT_S = 15


def raise_descriptor_limit():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def pinned(core, command):
    """Pins `command` to `core`; None means no pinning (a machine with a single core)."""
    return command if core is None else ["taskset", "-c", str(core), *command]


class Process:
    """Holds a child with all its descendants: nothing outlives stop()."""

    def __init__(self, command, log, cwd=None):
        self.log = pathlib.Path(log)
        with open(self.log, "wb") as out:
            self.popen = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd
            )

    def pids(self):
        found, queue = [], [self.popen.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
                queue += [int(child) for child in task.read_text().split()]
        return found

    def cpu_seconds(self):
        """Returns user and system time of all threads, by the scheduler's clock where there is one:
        the tick of /proc/PID/stat is 10 ms."""
        total = 0.0
        for pid in self.pids():
            try:
                tasks = list(pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))
                total += sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
            except (OSError, ValueError, IndexError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / HERTZ
        return total

    def resident_bytes(self):
        page = resource.getpagesize()
        return sum(
            int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1]) * page for pid in self.pids()
        )

    def check(self):
        if self.popen.poll() is not None:
            raise RuntimeError(f"{self.log.name}: ended with {self.popen.returncode}\n" + self.tail())

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])

    def stop(self):
        pids = self.pids()
        self.popen.send_signal(signal.SIGTERM)
        try:
            self.popen.wait(5)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
        for pid in pids[1:]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


def wait_until_serving(port, process, path="/small"):
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        process.check()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            connection.close()
            if response.status == 200:
                return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError(f"{process.log.name}: not serving after {START_TIMEOUT_S} s\n" + process.tail())
        time.sleep(0.05)


def ready_cutwater(file, process):
    """Returns what its ready file says, once it serves."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not file.exists() or not file.read_text():
        process.check()
        if time.monotonic() > deadline:
            raise RuntimeError("cutwater: no ready file\n" + process.tail())
        time.sleep(0.01)
    return json.loads(file.read_text())


P256 = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
RSA2048 = ("rsa:2048",)


class Certificate:
    """Makes a self-signed certificate for one host."""

    def __init__(self, folder, host="shop.example.com", kind=P256):
        self.host = host
        self.cert, self.key, self.both = (folder / f"{host}.{end}" for end in ("crt", "key", "pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *kind, "-nodes", "-days", "2", "-subj", f"/CN={host}",
             "-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1", "-keyout", self.key, "-out", self.cert],
            check=True, capture_output=True,
        )  # fmt: skip
        self.key.chmod(0o600)
        self.both.write_text(self.cert.read_text() + self.key.read_text())
        self.both.chmod(0o600)


class Setting:
    """Holds what every proxy needs to know: where the work directory, the binaries and upstreams
    are. With a `certificate`, proxies that can do so also listen for TLS and for HTTP/2 in clear
    text; a client that asks for the host of `rsa_certificate` gets that one."""

    certificate = rsa_certificate = None

    def __init__(self, work, build, upstream_ports, core):
        self.work = pathlib.Path(work)
        self.build = pathlib.Path(build)
        self.upstream_ports = upstream_ports
        self.core = core

    def folder(self, name):
        path = self.work / name
        path.mkdir(parents=True, exist_ok=True)
        return path


NGINX_COMMON = """
daemon off; master_process off; worker_processes 1; pid {work}/nginx.pid; {user}
error_log stderr crit; worker_rlimit_nofile {nofile};
events {{ worker_connections {connections}; }}
http {{
  access_log off; keepalive_timeout 600s; keepalive_requests 1000000000; tcp_nodelay on;
  client_body_temp_path {work}/b; proxy_temp_path {work}/p; fastcgi_temp_path {work}/f;
  uwsgi_temp_path {work}/u; scgi_temp_path {work}/s; client_body_buffer_size 16k;
"""


def nginx_config(folder, body):
    nofile = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    common = NGINX_COMMON.format(
        work=folder,
        user="user root;" if os.geteuid() == 0 else "",
        nofile=nofile,
        connections=min(16384, nofile),
    )
    path = folder / "nginx.conf"
    path.write_text(common + body + "\n}\n")
    return ["nginx", "-p", str(folder), "-c", str(path)]


class Upstream:
    """Runs an nginx that serves files and takes POSTs, on the core of the load generator."""

    def __init__(self, name, setting, core):
        folder = setting.folder(f"upstream-{name}")
        files = folder / "files"
        files.mkdir(exist_ok=True)
        for file, size in (("small", 100), ("64k", 64 << 10), ("1m", 1 << 20)):
            (files / file).write_bytes(b"x" * size)
        self.port = free_port()
        body = f"""
  sendfile on; open_file_cache max=100 inactive=1h; default_type application/octet-stream;
  server {{
    listen 127.0.0.1:{self.port} backlog=4096;
    root {files};
    location = /post {{ return 200 "ok"; }}
    location = /memory {{ return 200 "{"x" * 100}"; }}
  }}"""
        self.process = Process(pinned(core, nginx_config(folder, body)), setting.work / f"upstream-{name}.log")
        wait_until_serving(self.port, self.process)

    def stop(self):
        self.process.stop()


class Proxy:
    name = "?"
    needs = ()
    has_tls = True

    def __init__(self, setting):
        self.setting = setting
        self.process = None
        self.port = self.h2c_port = self.tls_port = None

    @classmethod
    def available(cls, setting):
        return all(shutil.which(program) for program in cls.needs)

    def start(self):
        self.port = free_port()
        if self.has_tls and self.setting.certificate:
            self.h2c_port, self.tls_port = free_port(), free_port()
        folder = self.setting.folder(self.name)
        self.process = Process(
            pinned(self.setting.core, self.command(folder)), self.setting.work / f"{self.name}.log"
        )
        wait_until_serving(self.port, self.process)
        self.prepare()

    def command(self, folder):
        raise NotImplementedError

    def prepare(self):
        """Sets, after the start, what only the admin interface can set."""

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None


class ByteRelay(Proxy):
    name = "byte_relay"
    has_tls = False

    @classmethod
    def available(cls, setting):
        return (setting.build / "bench/byte_relay").exists()

    def command(self, folder):
        blue, green = self.setting.upstream_ports
        return [self.setting.build / "bench/byte_relay", self.port, f"{blue}:95", f"{green}:5"]


class HAProxy(Proxy):
    name = "haproxy"
    needs = ("haproxy",)

    def command(self, folder):
        blue, green = self.setting.upstream_ports
        config = folder / "haproxy.cfg"
        more = ""
        if self.tls_port:
            more = f"""bind 127.0.0.1:{self.h2c_port} proto h2
  bind 127.0.0.1:{self.tls_port} ssl crt {self.setting.certificate.both} \
    crt {self.setting.rsa_certificate.both} alpn h2,http/1.1"""
        config.write_text(f"""
global
  maxconn 6000
  nbthread 1
defaults
  mode http
  timeout connect 1s
  timeout client 600s
  timeout http-keep-alive 600s
  timeout server 60s
  http-reuse always
  option forwardfor
frontend f
  http-request set-header X-Forwarded-Proto http unless {{ ssl_fc }}
  http-request set-header X-Forwarded-Proto https if {{ ssl_fc }}
  bind 127.0.0.1:{self.port}
  {more}
  use_backend green if {{ rand(100) lt 5 }}
  default_backend blue
backend blue
  server s 127.0.0.1:{blue}
backend green
  server s 127.0.0.1:{green}
""")
        return ["haproxy", "-db", "-f", config]


class Nginx(Proxy):
    name = "nginx"
    needs = ("nginx",)

    def command(self, folder):
        blue, green = self.setting.upstream_ports
        listeners = [f"listen 127.0.0.1:{self.port} backlog=4096;"]
        if self.tls_port:
            listeners[0] += f" listen 127.0.0.1:{self.h2c_port} http2;"
            listeners += [f"""
    listen 127.0.0.1:{self.tls_port} ssl http2; server_name {certificate.host};
    ssl_certificate {certificate.cert}; ssl_certificate_key {certificate.key};
    ssl_protocols TLSv1.2 TLSv1.3; http2_max_concurrent_streams 128;"""
                for certificate in (self.setting.certificate, self.setting.rsa_certificate)
            ]  # fmt: skip
        servers = "".join(f"""
  server {{
    {listener}
    location / {{
      proxy_pass http://$version; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_max_temp_file_size 0;
    }}
  }}""" for listener in listeners)  # fmt: skip
        return nginx_config(folder, f"""
  split_clients "$connection-$connection_requests" $version {{ 5% green; * blue; }}
  upstream blue {{ server 127.0.0.1:{blue}; keepalive 128; keepalive_requests 1000000000; }}
  upstream green {{ server 127.0.0.1:{green}; keepalive 128; keepalive_requests 1000000000; }}
  {servers}""")


class Nghttpx(Proxy):
    name = "nghttpx"
    needs = ("nghttpx",)

    def command(self, folder):
        blue, green = self.setting.upstream_ports
        more = []
        if self.tls_port:
            more = [
                f"--frontend=127.0.0.1,{self.h2c_port};no-tls", f"--frontend=127.0.0.1,{self.tls_port}",
                f"--subcert={self.setting.rsa_certificate.key}:{self.setting.rsa_certificate.cert}",
                self.setting.certificate.key, self.setting.certificate.cert,
            ]  # fmt: skip
        return [
            "nghttpx", "--conf=/dev/null", "--workers=1", "--errorlog-file=/dev/null",
            "--accesslog-file=/dev/null", f"--pid-file={folder}/pid",
            f"--frontend=127.0.0.1,{self.port};no-tls", "--frontend-read-timeout=600s",
            "--frontend-keep-alive-timeout=600s",
            f"--backend=127.0.0.1,{blue};;group=blue;group-weight=95",
            f"--backend=127.0.0.1,{green};;group=green;group-weight=5",
            *more,
        ]  # fmt: skip


class Cutwater(Proxy):
    """Has all features on: sticky cookie, statistics, the guard armed by the 95/5 split, fallback."""

    name = "cutwater"
    access_log = ""

    @classmethod
    def available(cls, setting):
        return (setting.build / "cutwater").exists()

    def command(self, folder):
        config = folder / "cutwater.yaml"
        binary = self.setting.build / "cutwater"
        self.write_config(config, folder)
        if subprocess.run([binary, "check", "-c", config], capture_output=True).returncode != 0:
            self.h2c_port = self.tls_port = None  # a build that has no TLS yet
            self.write_config(config, folder)
        (folder / "ready.json").unlink(missing_ok=True)  # of the process before this one
        return [binary, "run", "-c", config, "--ready-file", folder / "ready.json"]

    def write_config(self, config, folder):
        blue, green = self.setting.upstream_ports
        more = ""
        if self.tls_port:
            more = f"""
  - {{name: h2c, listen: "127.0.0.1:{self.h2c_port}"}}
  - name: https
    listen: "127.0.0.1:{self.tls_port}"
    tls:
      certificates:
        - {{cert: {self.setting.certificate.both}}}
        - {{cert: {self.setting.rsa_certificate.both}}}"""
        shutil.rmtree(folder / "state", ignore_errors=True)
        config.write_text(f"""
state_dir: {folder}/state
workers: 1
admin: {{listen: "127.0.0.1:0"}}
listeners:
  - {{listen: "127.0.0.1:{self.port}"}}{more}
limits: {{connections: 6000, connections_per_ip: 6000, keepalive_idle: 10m}}
drain_notice: 0ms
{self.access_log.format(folder=folder)}
services:
  shop:
    versions: {{blue: "http://127.0.0.1:{blue}", green: "http://127.0.0.1:{green}"}}
    weights: {{blue: 95%, green: 5%}}
    fallback: stable
""")

    def prepare(self):
        """Checks by the admin API that the split is real, not only configured."""
        ready = ready_cutwater(self.setting.folder(self.name) / "ready.json", self.process)
        connection = http.client.HTTPConnection(ready["admin"], timeout=5)
        connection.request("GET", "/v1/services/shop/weights")
        weights = json.loads(connection.getresponse().read())["weights"]
        if weights != {"blue": 95, "green": 5}:
            raise RuntimeError(f"cutwater: weights are {weights}")


class CutwaterLogging(Cutwater):
    name = "cutwater+log"
    access_log = 'access_log: {{file: "{folder}/access.log"}}'

    def command(self, folder):
        (folder / "access.log").unlink(missing_ok=True)
        return super().command(folder)


ALL = [ByteRelay, HAProxy, Nginx, Nghttpx, Cutwater, CutwaterLogging]
