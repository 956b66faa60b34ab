"""What is outside: names, and web servers with TLS at all of their addresses, for the network of the calling thread."""

import contextlib
import functools
import http.server
import random
import socket
import socketserver
import ssl
import struct
import subprocess
import threading

# RFC 1035, section 3.2: a host address of the Internet.
A, IN = 1, 1
ANSWERED, TTL_S = 0x8180, 300


def run(command, **options):
    subprocess.run(command.split(), check=True, capture_output=True, **options)


def certificates(folder, names):
    """A root (ca.pem) that vouches for the names (sites.crt), and a certificate that nobody vouches for (own.crt)."""
    elliptic = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    run(f"openssl req -x509 {elliptic} -keyout ca.key -out ca.pem -subj /CN=Root -days 2", cwd=folder)
    run(f"openssl req -x509 {elliptic} -keyout own.key -out own.crt -subj /CN=localhost -days 2", cwd=folder)
    run(f"openssl req {elliptic} -keyout sites.key -out sites.csr -subj /CN=sites", cwd=folder)
    (folder / "sites.ext").write_text("subjectAltName=" + ",".join(f"DNS:{name}" for name in names), encoding="ascii")
    run("openssl x509 -req -in sites.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile sites.ext -days 2 -out sites.crt", cwd=folder)


class Pages(http.server.BaseHTTPRequestHandler):
    """Some bytes for whatever is asked for, as many each time, as those of a file."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        size = random.Random(self.path).randint(600, 40_000)
        self._answer(random.Random(self.path).randbytes(size))

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(random.randbytes(random.randint(90, 260)))

    def _answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class WebServer(http.server.ThreadingHTTPServer):
    """Shakes hands in the thread of the connection, so that a client that says nothing holds up nobody."""

    daemon_threads = True

    def __init__(self, address, context):
        super().__init__((address, 443), Pages)
        self._context = context

    def finish_request(self, request, client_address):
        with contextlib.suppress(OSError), self._context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)


def answer(question, addresses):
    """The answer to a question of one name: its address, or nothing."""
    at, labels = 12, []
    while question[at]:
        labels.append(question[at + 1 : at + 1 + question[at]].decode())
        at += 1 + question[at]
    asked = question[12 : at + 5]
    address = addresses.get(".".join(labels).lower())
    found = address is not None and struct.unpack_from(">HH", question, at + 1) == (A, IN)
    head = question[:2] + struct.pack(">HHHHH", ANSWERED, 1, int(found), 0, 0)
    record = struct.pack(">HHHIH", 0xC00C, A, IN, TTL_S, 4) + socket.inet_aton(address) if found else b""
    return head + asked + record


class Resolver(socketserver.BaseRequestHandler):
    def __init__(self, addresses, *rest):
        self._addresses = addresses
        super().__init__(*rest)

    def handle(self):
        question, socket_ = self.request
        socket_.sendto(answer(question, self._addresses), self.client_address)


@contextlib.contextmanager
def serving(server):
    """A server in a thread, which is in the network of the calling one."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def internet(folder, resolver, sites, own):
    """Serves the names of `sites` (name to address) with a certificate that the root vouches for, those of `own` with one that nobody does."""
    certificates(folder, sites)
    with contextlib.ExitStack() as stack:
        for addresses, certificate in [(sites, "sites"), (own, "own")]:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(folder / f"{certificate}.crt", folder / f"{certificate}.key")
            for address in addresses.values():
                run(f"ip addr add {address}/32 dev lo")
                stack.enter_context(serving(WebServer(address, context)))
        names = functools.partial(Resolver, {**sites, **own})
        stack.enter_context(serving(socketserver.UDPServer((resolver, 53), names)))
        yield
