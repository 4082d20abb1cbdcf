#!/usr/bin/env python3
"""Asks an HTTP/2 server what RFC 9113 and RFC 7541 require of it, 146 times.

usage: h2_conformance.py [--tls] [--strict] [--only ID] HOST:PORT

The cases and their numbers follow the list of h2spec (generic, http2, hpack); a case passes when
h2spec would let it pass: a stream error may also be answered with a connection error of the same
code, and either by closing the connection. The server must answer GET and POST / with 200 and at
least five bytes. `--strict` adds two more: the GOAWAY that SHOULD come before a close, and a
second HEADERS on a half-closed stream. Exit status 0: all passed.
"""
import argparse
import socket
import ssl
import struct
import sys
import time

MAGIC = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END, ACK, END_HEADERS, PADDED, PRIO = 1, 1, 4, 8, 0x20
BOTH = END | END_HEADERS
PROTOCOL, FLOW, CLOSED, FRAME_SIZE, REFUSED, CANCEL, COMPRESSION = 1, 3, 5, 6, 7, 8, 9
HEADER_TABLE, PUSHES, STREAMS, INITIAL_WINDOW, MAX_FRAME = 1, 2, 3, 4, 5
LONG = "x" * 4000


class Failed(Exception):
    """Says what was expected, and what came instead."""


def integer(value, prefix, first=0):
    """Encodes an integer (RFC 7541 5.1)."""
    limit = (1 << prefix) - 1
    if value < limit:
        return bytes([first | value])
    out, value = [first | limit], value - limit
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + [value])


def string(text):
    raw = text if isinstance(text, bytes) else text.encode()
    return integer(len(raw), 7) + raw


def block(fields):
    """Writes literals without indexing, so that there is no state to keep."""
    return b"".join(b"\0" + string(name) + string(value) for name, value in fields)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def settings(*pairs):
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window(stream, by):
    return frame(WINDOW, 0, stream, struct.pack(">I", by))


def priority(stream, on=0, weight=15):
    return frame(PRIORITY, 0, stream, struct.pack(">IB", on, weight))


def reset(stream, code=CANCEL):
    return frame(RESET, 0, stream, struct.pack(">I", code))


def goaway(stream=0, code=0):
    return frame(GOAWAY, 0, stream, struct.pack(">II", 0, code))


class Connection:
    """Holds one connection behind its handshake; `seen` keeps what came last, for the report."""

    def __init__(self, options, handshake=True):
        self.options, self.bytes, self.seen, self.theirs = options, b"", [], {}
        self.socket = socket.create_connection((options.host, options.port), options.timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if options.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
            if self.socket.selected_alpn_protocol() != "h2":
                raise Failed("ALPN did not choose h2")
        if handshake:
            self.send(MAGIC + settings())
            self.handshake()

    def handshake(self):
        theirs = self.wait(lambda f: f[0] == SETTINGS and not f[1] & ACK, "SETTINGS")[3]
        for at in range(0, len(theirs), 6):
            key, value = struct.unpack_from(">HI", theirs, at)
            self.theirs[key] = value
        self.send(frame(SETTINGS, ACK, 0))
        self.wait_ack()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            pass  # the server has closed; the next read says so
        return self

    def request(self, stream=1, flags=BOTH, fields=()):
        return self.send(frame(HEADERS, flags, stream, self.get(*fields)))

    def post(self, stream=1, flags=END_HEADERS, fields=()):
        return self.send(frame(HEADERS, flags, stream, self.get(*fields, method="POST")))

    def pseudo(self, method="GET"):
        return [(":method", method), (":scheme", "https" if self.options.tls else "http"),
                (":path", self.options.path), (":authority", self.options.authority)]

    def get(self, *fields, method="GET"):
        return block(self.pseudo(method) + list(fields))

    def next(self):
        """Returns (type, flags, stream, payload), or None if closed; raises TimeoutError."""
        while len(self.bytes) < 9 or len(self.bytes) < 9 + int.from_bytes(self.bytes[:3], "big"):
            left = self.deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(65536)
            except (TimeoutError, socket.timeout):
                raise TimeoutError from None
            except OSError:
                return None
            if not more:
                return None
            self.bytes += more
        length = int.from_bytes(self.bytes[:3], "big")
        kind, flags, stream = struct.unpack(">BBI", self.bytes[3:9])
        payload, self.bytes = self.bytes[9:9 + length], self.bytes[9 + length:]
        self.seen.append((kind, flags, stream & 0x7fffffff, payload))
        return self.seen[-1]

    def wait(self, wanted, what, closed=False):
        """Returns the first frame that is wanted; others are passed over."""
        self.deadline = time.monotonic() + self.options.timeout
        try:
            while (got := self.next()) is not None:
                if wanted(got):
                    return got
        except TimeoutError:
            raise Failed(f"{what} expected, {self.last()} and then silence") from None
        if closed:
            return None
        raise Failed(f"{what} expected, {self.last()} and then the connection closed")

    def last(self):
        if not self.seen:
            return "nothing came"
        kind, flags, stream, payload = self.seen[-1]
        names = "DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY".split()
        text = names[kind] if kind < len(names) else f"type {kind}"
        if kind in (RESET, GOAWAY):
            text += f" code {int.from_bytes(payload[-4:] if kind == RESET else payload[4:8], 'big')}"
        return f"{text} (flags {flags}, stream {stream})"

    # --- what a case may end with ---------------------------------------------------------------

    def wait_ack(self):
        self.wait(lambda f: f[0] == SETTINGS and f[1] & ACK, "SETTINGS ACK")

    def answered(self, stream=1):
        self.wait(lambda f: f[0] == HEADERS and f[2] == stream, "HEADERS")

    def ended(self, stream=1):
        self.wait(lambda f: f[0] in (DATA, HEADERS) and f[1] & END and f[2] == stream, "END_STREAM")

    def data(self, length=None):
        got = self.wait(lambda f: f[0] == DATA, "DATA")
        if length is not None and len(got[3]) != length:
            raise Failed(f"DATA of {length} bytes expected, {len(got[3])} came")

    def alive(self, or_closed=False):
        self.send(frame(PING, 0, 0, b"whatever"))
        self.wait(lambda f: f[0] == PING and f[1] & ACK and f[3] == b"whatever", "PING ACK", or_closed)

    def goaway(self, *codes):
        return self.wait(lambda f: f[0] == GOAWAY and
                         (not codes or int.from_bytes(f[3][4:8], "big") in codes), f"GOAWAY {codes}")

    def refused(self, *codes):
        """Expects a connection error; a silent close counts, too."""
        self.wait(lambda f: f[0] == GOAWAY and int.from_bytes(f[3][4:8], "big") in codes,
                  f"GOAWAY {codes}", True)

    def reset(self, *codes):
        """Expects a stream error; a connection error counts, too."""
        def matches(f):
            code = f[3][4:8] if f[0] == GOAWAY else f[3][:4]
            return f[0] in (GOAWAY, RESET) and int.from_bytes(code, "big") in codes
        self.wait(matches, f"RST_STREAM {codes}", True)

    def closed(self):
        self.wait(lambda f: False, "close", True)


CASES = []


def case(number, says, strict=False, handshake=True):
    def add(run):
        CASES.append((number, says, strict, handshake, run))
        return run
    return add


def expect(number, says, sends, then, *codes):
    """Adds a case of one shot: what is sent, and how the connection answers."""
    def run(c):
        c.send(sends(c))
        getattr(c, then)(*codes)
    CASES.append((number, says, False, True, run))


def head(flags=BOTH, stream=1, fields=(), method="GET"):
    return lambda c: frame(HEADERS, flags, stream, c.get(*fields, method=method))


def joined(*parts):
    return lambda c: b"".join(part(c) if callable(part) else part for part in parts)


def raw(kind, flags, stream, payload=b""):
    return lambda c: frame(kind, flags, stream, payload)


open_post = head(END_HEADERS, method="POST")
half_head = head(END)  # no END_HEADERS
longs = [(f"x-dummy{i}", LONG) for i in range(5)]


# --- generic ------------------------------------------------------------------------------------
expect("generic/1/1", "a client preface", head(), "answered")
expect("generic/2/1", "PRIORITY on an idle stream", raw(PRIORITY, 0, 1, b"\0\0\0\0\xff"), "alive")
expect("generic/2/2", "WINDOW_UPDATE on a half-closed stream",
       joined(settings((INITIAL_WINDOW, 0)), head(), window(1, 1)), "data")
expect("generic/2/3", "PRIORITY on a half-closed stream",
       joined(settings((INITIAL_WINDOW, 0)), head(), priority(1), window(1, 1)), "data")
expect("generic/2/4", "RST_STREAM on a half-closed stream", joined(head(), reset(1)), "alive", True)


@case("generic/2/5", "PRIORITY on a closed stream")
def _(c):
    c.request().ended()
    c.send(priority(1)).alive()


for n, says, sends in (
        (1, "DATA", joined(open_post, frame(DATA, END, 1, b"test"))),
        (2, "several DATA", joined(open_post, frame(DATA, 0, 1, b"test"), frame(DATA, END, 1, b"test"))),
        (3, "DATA with padding", joined(open_post, frame(DATA, END | PADDED, 1, b"\6test" + bytes(6))))):
    expect(f"generic/3.1/{n}", says, sends, "answered")
expect("generic/3.2/1", "HEADERS", head(), "answered")
expect("generic/3.2/2", "HEADERS with padding",
       lambda c: frame(HEADERS, BOTH | PADDED, 1, b"\6" + c.get() + bytes(6)), "answered")
expect("generic/3.2/3", "HEADERS with priority",
       lambda c: frame(HEADERS, BOTH | PRIO, 1, b"\0\0\0\0\xff" + c.get()), "answered")
for n, says, sends in (
        (1, "PRIORITY of weight 1", joined(priority(1, 0, 0), head())),
        (2, "PRIORITY of weight 256", joined(priority(1, 0, 255), head())),
        (3, "PRIORITY with a dependency", joined(priority(1, 3), head())),
        (4, "PRIORITY, exclusive", joined(priority(1, 3 | 1 << 31), head())),
        (5, "PRIORITY for a stream, then HEADERS on a lower one", joined(priority(3, 0), head()))):
    expect(f"generic/3.3/{n}", says, sends, "answered")
expect("generic/3.4/1", "RST_STREAM", joined(open_post, reset(1)), "alive", True)
expect("generic/3.5/1", "SETTINGS", lambda c: settings((STREAMS, 100)), "wait_ack")
expect("generic/3.7/1", "PING", lambda c: b"", "alive")
expect("generic/3.8/1", "GOAWAY", lambda c: goaway(), "alive", True)
expect("generic/3.9/1", "WINDOW_UPDATE of the connection", joined(window(0, 1), head()), "answered")
expect("generic/3.9/2", "WINDOW_UPDATE of a stream",
       joined(settings((INITIAL_WINDOW, 0)), head(), window(1, 1)), "data")


def continued(c, pieces, flags=END):
    """Writes a header block in this many frames."""
    rest = c.get(*longs[:1])
    size = -(-len(rest) // pieces)
    parts = [rest[i:i + size] for i in range(0, len(rest), size)]
    out = frame(HEADERS, flags, 1, parts[0])
    for i, part in enumerate(parts[1:], 2):
        out += frame(CONTINUATION, END_HEADERS if i == len(parts) else 0, 1, part)
    return out


expect("generic/3.10/1", "CONTINUATION", lambda c: continued(c, 2), "answered")
expect("generic/3.10/2", "several CONTINUATION", lambda c: continued(c, 4), "answered")
expect("generic/4/1", "GET", head(), "answered")
expect("generic/4/2", "HEAD", head(method="HEAD"), "answered")
expect("generic/4/3", "POST", joined(open_post, frame(DATA, END, 1, b"test")), "answered")
expect("generic/4/4", "POST with trailers",
       joined(open_post, frame(DATA, 0, 1, b"test"), frame(HEADERS, BOTH, 1, block([("x-test", "ok")]))),
       "answered")
# The Huffman strings come from RFC 7541 C.4.
NO_CACHE = b"\x86\xa8\xeb\x10\x64\x9c\xbf"
KEY, VALUE = b"\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f", b"\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf"
representations = [("an indexed field", b"\x90")]  # accept-encoding: gzip, deflate
for kind, first, prefix in (("with incremental indexing", 0x40, 6), ("without indexing", 0, 4),
                            ("never indexed", 0x10, 4)):
    name = integer(24, prefix, first)  # cache-control
    representations += [
        (f"a literal {kind}, indexed name", name + string("no-cache")),
        (f"a literal {kind}, indexed name, Huffman", name + NO_CACHE),
        (f"a literal {kind}, new name", bytes([first]) + string("custom-key") + string("custom-value")),
        (f"a literal {kind}, new name, Huffman", bytes([first]) + KEY + VALUE)]
for n, (says, bits) in enumerate(representations, 1):
    expect(f"generic/5/{n}", says, lambda c, b=bits: frame(HEADERS, BOTH, 1, c.get() + b), "answered")
for n, says, bits in ((14, "a table size update", b"\x3e"), (15, "two table size updates", b"\x20\x3e")):
    expect(f"generic/5/{n}", says, lambda c, b=bits: frame(HEADERS, BOTH, 1, b + c.get()), "answered")


# --- RFC 9113 (the numbers are RFC 7540's, as h2spec has them) ------------------------------------
@case("http2/3.5/1", "a preface, then the server's SETTINGS come first", handshake=False)
def _(c):
    c.send(MAGIC + settings())
    first = c.wait(lambda f: True, "SETTINGS")
    if first[0] != SETTINGS:
        raise Failed("the first frame is no SETTINGS")


@case("http2/3.5/2", "a broken preface", handshake=False)
def _(c):
    c.send(b"INVALID CONNECTION PREFACE\r\n\r\n").closed()


unknown = frame(0x16, 0, 0, bytes(8))
expect("http2/4.1/1", "a frame of unknown type", lambda c: unknown, "alive")
for n, says, stream in ((2, "undefined flags", 0), (3, "the reserved bit", 1 << 31)):
    expect(f"http2/4.1/{n}", says, lambda c, s=stream: frame(PING, 0x16, s, b"whatever"), "wait",
           lambda f: f[0] == PING and f[1] & ACK, "PING ACK")
expect("http2/4.2/1", "DATA of 2^14 bytes", joined(open_post, frame(DATA, END, 1, bytes(1 << 14))),
       "answered")
expect("http2/4.2/2", "DATA above MAX_FRAME_SIZE",
       lambda c: open_post(c) + frame(DATA, END, 1, bytes(c.theirs.get(MAX_FRAME, 1 << 14) + 1)),
       "reset", FRAME_SIZE)
expect("http2/4.2/3", "HEADERS above MAX_FRAME_SIZE",
       lambda c: frame(HEADERS, BOTH, 1, c.get(*longs).ljust(c.theirs.get(MAX_FRAME, 0) + 1, b"\0")),
       "refused", FRAME_SIZE)
expect("http2/4.3/1", "a broken header block", raw(HEADERS, BOTH, 1, b"\x40"), "refused", COMPRESSION)
expect("http2/4.3/2", "PRIORITY inside a header block",
       joined(half_head, priority(1), frame(CONTINUATION, END_HEADERS, 1)), "refused", PROTOCOL)
expect("http2/4.3/3", "HEADERS of another stream inside a header block",
       joined(half_head, head(stream=3)), "refused", PROTOCOL)
for n, says, sends in ((1, "DATA", frame(DATA, END, 1, b"test")), (2, "RST_STREAM", reset(1)),
                       (3, "WINDOW_UPDATE", window(1, 100)),
                       (4, "CONTINUATION", frame(CONTINUATION, END_HEADERS, 1))):
    expect(f"http2/5.1/{n}", f"idle: {says}", lambda c, s=sends: s, "refused", PROTOCOL)
late = (("DATA", lambda c: frame(DATA, END, 1, b"test"), (CLOSED,)), ("HEADERS", head(), (CLOSED,)),
        ("CONTINUATION", raw(CONTINUATION, END_HEADERS, 1, block(longs[:1])), (CLOSED, PROTOCOL)))
for n, (says, sends, codes) in enumerate(late, 5):
    expect(f"http2/5.1/{n}", f"half-closed: {says}", joined(head(), sends), "reset", *codes)
for n, (says, sends, codes) in enumerate(late, 8):
    expect(f"http2/5.1/{n}", f"closed by RST_STREAM: {says}",
           joined(head(END_HEADERS), reset(1), sends), "reset", *codes)
for n, (says, sends, codes) in enumerate(late, 11):
    def after_the_end(c, sends=sends, codes=codes):
        c.request().ended()
        c.send(sends(c)).refused(*codes)
    case(f"http2/5.1/{n}", f"closed: {says}")(after_the_end)
expect("http2/5.1.1/1", "an even stream", head(stream=2), "refused", PROTOCOL)
expect("http2/5.1.1/2", "a stream below the last one", joined(head(stream=5), head(stream=3)),
       "refused", PROTOCOL)
case("http2/5.1.1/3", "HEADERS twice", strict=True)(
    lambda c: c.request(5).request(5).reset(CLOSED))


@case("http2/5.1.2/1", "more streams than MAX_CONCURRENT_STREAMS")
def _(c):
    most = c.theirs.get(STREAMS)
    if most is None or most > 10_000:
        return  # unlimited
    c.send(settings((INITIAL_WINDOW, 0)))
    c.send(b"".join(head(stream=2 * i + 1)(c) for i in range(most + 1))).reset(PROTOCOL, REFUSED)


expect("http2/5.3.1/1", "HEADERS that depend on themselves",
       lambda c: frame(HEADERS, BOTH | PRIO, 1, b"\0\0\0\1\xff" + c.get()), "reset", PROTOCOL)
expect("http2/5.3.1/2", "PRIORITY that depends on itself", lambda c: priority(2, 2), "reset", PROTOCOL)
bad_ping = frame(PING, 0, 3, bytes(8))
expect("http2/5.4.1/1", "a connection error closes the connection", lambda c: bad_ping, "closed")
case("http2/5.4.1/2", "GOAWAY comes before", strict=True)(lambda c: c.send(bad_ping).goaway())
expect("http2/5.5/1", "an unknown extension frame", lambda c: unknown, "alive")
expect("http2/5.5/2", "an unknown frame inside a header block", joined(half_head, unknown), "refused",
       PROTOCOL)
expect("http2/6.1/1", "DATA on stream 0", joined(open_post, frame(DATA, END, 0, b"test")), "refused",
       PROTOCOL)
expect("http2/6.1/2", "DATA on a stream that is not open", joined(head(), frame(DATA, END, 1, b"test")),
       "reset", CLOSED)
expect("http2/6.1/3", "DATA with too much padding", joined(open_post, frame(DATA, 9, 1, b"\6test")),
       "refused", PROTOCOL)
expect("http2/6.2/1", "HEADERS without END_HEADERS, then PRIORITY", joined(half_head, priority(1)),
       "refused", PROTOCOL)
expect("http2/6.2/2", "HEADERS without END_HEADERS, then other HEADERS",
       joined(half_head, head(stream=3)), "refused", PROTOCOL)
expect("http2/6.2/3", "HEADERS on stream 0", head(stream=0), "refused", PROTOCOL)
expect("http2/6.2/4", "HEADERS with too much padding",
       lambda c: frame(HEADERS, BOTH | PADDED, 1, bytes([len(c.get()) + 1]) + c.get()), "refused", PROTOCOL)
expect("http2/6.3/1", "PRIORITY on stream 0", lambda c: priority(0), "refused", PROTOCOL)
expect("http2/6.3/2", "PRIORITY of 4 bytes", joined(head(END_HEADERS), frame(PRIORITY, 0, 1, bytes(4))),
       "reset", FRAME_SIZE)
expect("http2/6.4/1", "RST_STREAM on stream 0", lambda c: reset(0), "refused", PROTOCOL)
expect("http2/6.4/2", "RST_STREAM on an idle stream", lambda c: reset(1), "refused", PROTOCOL)
expect("http2/6.4/3", "RST_STREAM of 3 bytes", joined(head(END_HEADERS), frame(RESET, 0, 1, bytes(3))),
       "refused", FRAME_SIZE)
expect("http2/6.5/1", "SETTINGS ACK with a payload", raw(SETTINGS, ACK, 0, bytes(1)), "refused", FRAME_SIZE)
expect("http2/6.5/2", "SETTINGS on a stream", raw(SETTINGS, 0, 1, bytes([0, 3, 0, 0, 0, 100])),
       "refused", PROTOCOL)
expect("http2/6.5/3", "SETTINGS of 3 bytes", raw(SETTINGS, 0, 0, bytes([0, 3, 0])), "refused", FRAME_SIZE)
for n, key, value, code in ((1, PUSHES, 2, PROTOCOL), (2, INITIAL_WINDOW, 1 << 31, FLOW),
                            (3, MAX_FRAME, 16383, PROTOCOL), (4, MAX_FRAME, 1 << 24, PROTOCOL)):
    expect(f"http2/6.5.2/{n}", f"setting {key} of {value}",
           lambda c, k=key, v=value: settings((k, v)), "refused", code)
expect("http2/6.5.2/5", "an unknown setting", lambda c: settings((0xff, 1)), "alive")


@case("http2/6.5.3/1", "INITIAL_WINDOW_SIZE twice in one frame: the last one counts")
def _(c):
    c.send(settings((INITIAL_WINDOW, 100), (INITIAL_WINDOW, 1))).wait_ack()
    c.request().data(1)


expect("http2/6.5.3/2", "SETTINGS are acknowledged", lambda c: settings((PUSHES, 0)), "wait_ack")
expect("http2/6.7/1", "PING", lambda c: b"", "alive")


@case("http2/6.7/2", "PING ACK is not answered")
def _(c):
    c.send(frame(PING, ACK, 0, b"unwanted")).alive()
    if any(f[0] == PING and f[3] == b"unwanted" for f in c.seen):
        raise Failed("an answer to PING ACK")


expect("http2/6.7/3", "PING on a stream", raw(PING, 0, 1, bytes(8)), "refused", PROTOCOL)
expect("http2/6.7/4", "PING of 6 bytes", raw(PING, 0, 0, bytes(6)), "refused", FRAME_SIZE)
expect("http2/6.8/1", "GOAWAY on a stream", lambda c: goaway(1), "refused", PROTOCOL)
expect("http2/6.9/1", "WINDOW_UPDATE by 0", lambda c: window(0, 0), "refused", PROTOCOL)
expect("http2/6.9/2", "WINDOW_UPDATE by 0 on a stream", joined(head(END_HEADERS), window(1, 0)), "reset",
       PROTOCOL)
expect("http2/6.9/3", "WINDOW_UPDATE of 3 bytes", raw(WINDOW, 0, 0, bytes(3)), "refused", FRAME_SIZE)


@case("http2/6.9.1/1", "a window of 1")
def _(c):
    c.send(settings((INITIAL_WINDOW, 1))).wait_ack()
    c.request().data(1)


expect("http2/6.9.1/2", "the connection's window above 2^31-1",
       lambda c: window(0, 0x7fffffff) * 2, "goaway", FLOW)
expect("http2/6.9.1/3", "a stream's window above 2^31-1",
       joined(head(END_HEADERS), window(1, 0x7fffffff) * 2), "wait",
       lambda f: f[0] == RESET and f[2] == 1 and f[3] == struct.pack(">I", FLOW), "RST_STREAM 3")


@case("http2/6.9.2/1", "INITIAL_WINDOW_SIZE changes behind HEADERS")
def _(c):
    c.send(settings((INITIAL_WINDOW, 0))).wait_ack()
    c.request().send(settings((INITIAL_WINDOW, 1))).wait_ack()
    if not any(f[0] == DATA for f in c.seen):
        c.data(1)


@case("http2/6.9.2/2", "a window that becomes negative")
def _(c):
    c.send(settings((INITIAL_WINDOW, 3))).wait_ack()
    c.request().data(3)
    c.send(settings((INITIAL_WINDOW, 2))).wait_ack()
    c.send(window(1, 2)).data(1)


expect("http2/6.9.2/3", "INITIAL_WINDOW_SIZE above 2^31-1",
       lambda c: settings((INITIAL_WINDOW, 1 << 31)), "refused", FLOW)
expect("http2/6.10/1", "several CONTINUATION", lambda c: continued(c, 3), "answered")
more = frame(CONTINUATION, END_HEADERS, 1, block(longs[:1]))
for n, says, sends in (
        (2, "CONTINUATION, then another frame",
         joined(half_head, frame(CONTINUATION, 0, 1, block(longs[:1])), frame(DATA, END, 1, b"test"))),
        (3, "CONTINUATION on stream 0", joined(half_head, frame(CONTINUATION, END_HEADERS, 0, block(longs[:1])))),
        (4, "CONTINUATION behind END_HEADERS", joined(head(END_HEADERS), more)),
        (5, "CONTINUATION behind CONTINUATION with END_HEADERS", joined(half_head, more, more)),
        (6, "CONTINUATION behind DATA", joined(open_post, frame(DATA, END, 1, b"test"), more))):
    expect(f"http2/6.10/{n}", says, sends, "refused", PROTOCOL)
expect("http2/7/1", "GOAWAY with an unknown code", lambda c: goaway(0, 0xff), "alive", True)
expect("http2/7/2", "RST_STREAM with an unknown code", joined(open_post, reset(1, 0xff)), "alive")
expect("http2/8.1/1", "trailers without END_STREAM",
       joined(open_post, frame(DATA, 0, 1, b"test"), frame(HEADERS, END_HEADERS, 1, block([("x", "y")]))),
       "reset", PROTOCOL)


def malformed(number, says, change):
    """Adds a case where `change` makes the fields of a request illegal."""
    expect(number, says, lambda c: frame(HEADERS, BOTH, 1, block(change(c.pseudo()))), "reset", PROTOCOL)


def without(name):
    return lambda fields: [f for f in fields if f[0] != name]


def twice(name):
    return lambda fields: [g for f in fields for g in ([f, f] if f[0] == name else [f])]


malformed("http2/8.1.2/1", "a name in upper case", lambda f: f + [("X-TEST", "ok")])
malformed("http2/8.1.2.1/1", "an unknown pseudo-header", lambda f: f + [(":test", "ok")])
malformed("http2/8.1.2.1/2", "a pseudo-header of responses", lambda f: f + [(":status", "200")])
expect("http2/8.1.2.1/3", "a pseudo-header in trailers",
       joined(open_post, frame(DATA, 0, 1, b"test"), frame(HEADERS, BOTH, 1, block([(":method", "GET")]))),
       "reset", PROTOCOL)
malformed("http2/8.1.2.1/4", "a pseudo-header behind a regular one", lambda f: [("x-test", "ok")] + f)
malformed("http2/8.1.2.2/1", "connection: keep-alive", lambda f: f + [("connection", "keep-alive")])
malformed("http2/8.1.2.2/2", "te: trailers, deflate", lambda f: f + [("te", "trailers, deflate")])
malformed("http2/8.1.2.3/1", "an empty :path", lambda f: [(k, "" if k == ":path" else v) for k, v in f])
for n, name in enumerate((":method", ":scheme", ":path"), 2):
    malformed(f"http2/8.1.2.3/{n}", f"no {name}", without(name))
for n, name in enumerate((":method", ":scheme", ":path"), 5):
    malformed(f"http2/8.1.2.3/{n}", f"{name} twice", twice(name))
one = head(END_HEADERS, fields=[("content-length", "1")], method="POST")
expect("http2/8.1.2.6/1", "content-length and one DATA disagree",
       joined(one, frame(DATA, END, 1, b"test")), "reset", PROTOCOL)
expect("http2/8.1.2.6/2", "content-length and several DATA disagree",
       joined(one, frame(DATA, 0, 1, b"test"), frame(DATA, END, 1, b"test")), "reset", PROTOCOL)
expect("http2/8.2/1", "PUSH_PROMISE from a client",
       lambda c: frame(PUSH, END_HEADERS, 1, struct.pack(">I", 2) + c.get()), "refused", PROTOCOL)

# --- RFC 7541 -----------------------------------------------------------------------------------
x_test = b"\0\x85\xf2\xb2\x4a\x84\xff"  # a literal named x-test, in Huffman's code
for number, says, bits in (
        ("2.3.3/1", "an index outside the tables", integer(70, 7, 0x80)),
        ("2.3.3/2", "a name's index outside the tables", integer(70, 6, 0x40) + string("empty")),
        ("4.2/1", "a table size update behind a field", b"\x21"),
        ("5.2/1", "Huffman padding of more than 7 bits", x_test + b"\x84\x49\x50\x9f\xff"),
        ("5.2/2", "Huffman padding of zeros", x_test + b"\x83\x49\x50\x90"),
        ("5.2/3", "the EOS symbol in a string", x_test + b"\x87\xff\xff\xff\xfd\x25\x42\x7f"),
        ("6.1/1", "index 0", b"\x80")):
    expect(f"hpack/{number}", says, lambda c, b=bits: frame(HEADERS, BOTH, 1, c.get() + b), "refused",
           COMPRESSION)
expect("hpack/6.3/1", "a table size update above the limit",
       lambda c: frame(HEADERS, BOTH, 1, integer(c.theirs.get(HEADER_TABLE, 4096) + 1, 5, 0x20) + c.get()),
       "refused", COMPRESSION)


def run_case(options, number, says, handshake, run):
    connection = None
    try:
        connection = Connection(options, handshake)
        run(connection)
        return True
    except (Failed, OSError) as why:
        print(f"FAILED {number} {says}: {why or type(why).__name__}")
        return False
    finally:
        if connection:
            connection.socket.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--tls", action="store_true", help="TLS and ALPN; the certificate is not checked")
    parser.add_argument("--strict", action="store_true", help="what SHOULD be, too")
    parser.add_argument("--only", default="", help="cases whose number begins so")
    parser.add_argument("--path", default="/")
    parser.add_argument("--authority", help="default: HOST:PORT")
    parser.add_argument("--timeout", type=float, default=2, help="seconds to wait for a frame")
    parser.add_argument("-q", "--quiet", action="store_true", help="failures and the total only")
    options = parser.parse_args()
    host, _, port = options.address.rpartition(":")
    options.host, options.port = host.strip("[]"), int(port)
    options.authority = options.authority or options.address
    passed = total = 0
    for number, says, strict, handshake, run in CASES:
        if strict and not options.strict or not number.startswith(options.only):
            continue
        total += 1
        if run_case(options, number, says, handshake, run):
            passed += 1
            if not options.quiet:
                print(f"ok     {number} {says}")
    print(f"{passed} of {total}")
    sys.exit(0 if passed == total else 1)


if __name__ == "__main__":
    main()
