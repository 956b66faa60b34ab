#!/usr/bin/env python3
"""A small browser: reads `get URL...` and `close` lines, fetches the URLs in parallel, keeps connections open between pages.

The first URL of a line is the page and is fetched alone; the rest are its parts, up to four connections at once for a server.
Answers `ok` or `failed` when all are in. TLS trusts only the authority in $UC_CA.
"""

import concurrent.futures
import http.client
import os
import socket
import ssl
import sys
import threading
import urllib.parse

CONNECTIONS_PER_SERVER = 4


class Names:
    """A resolver cache, as browsers have one: a name is asked once until the connections are given up."""

    def __init__(self):
        self.known, self.locks, self.lock, self.ask = {}, {}, threading.Lock(), socket.getaddrinfo

    def __call__(self, host, *rest, **named):
        with self.lock:
            lock = self.locks.setdefault(host, threading.Lock())
        with lock:
            if (host, rest[:1]) not in self.known:
                found = self.ask(host, *rest, **named)
                # The system puts a unique-local source behind IPv4; a browser on a native IPv6 line does not.
                if os.environ.get("UC_PREFER6"):
                    found.sort(key=lambda entry: entry[0] != socket.AF_INET6)
                self.known[host, rest[:1]] = found
            return self.known[host, rest[:1]]


class Pool:
    def __init__(self):
        self.context = ssl.create_default_context(cafile=os.environ["UC_CA"])
        self.context.set_alpn_protocols(["http/1.1"])
        if os.environ.get("UC_CIPHERS"):
            self.context.set_ciphers(os.environ["UC_CIPHERS"])
        if os.environ.get("UC_TLS12"):
            self.context.maximum_version = ssl.TLSVersion.TLSv1_2
        self.agent = os.environ.get("UC_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0")
        self.idle, self.lock, self.slots, self.names = {}, threading.Lock(), {}, Names()
        socket.getaddrinfo = self.names

    def take(self, scheme, netloc):
        with self.lock:
            if self.idle.get((scheme, netloc)):
                return self.idle[scheme, netloc].pop()
        if scheme == "https":
            return http.client.HTTPSConnection(netloc, timeout=10, context=self.context)
        return http.client.HTTPConnection(netloc, timeout=10)

    def fetch(self, url):
        parts = urllib.parse.urlsplit(url)
        with self.lock:
            slot = self.slots.setdefault(parts.netloc, threading.Semaphore(CONNECTIONS_PER_SERVER))
        with slot:
            connection = self.take(parts.scheme, parts.netloc)
            try:
                connection.request("GET", parts.path or "/", headers={"User-Agent": self.agent, "Accept": "*/*"})
                response = connection.getresponse()
                response.read()
            except (OSError, http.client.HTTPException):
                connection.close()
                return False
            with self.lock:
                self.idle.setdefault((parts.scheme, parts.netloc), []).append(connection)
            return response.status < 400

    def close(self):
        for connections in self.idle.values():
            for connection in connections:
                connection.close()
        self.idle.clear()
        self.names.known.clear()


def main():
    pool = Pool()
    with concurrent.futures.ThreadPoolExecutor(12) as workers:
        for line in sys.stdin:
            verb, *urls = line.split()
            good = True
            if verb == "get":
                good = pool.fetch(urls[0])
                good = all(list(workers.map(pool.fetch, urls[1:]))) and good
            elif verb == "close":
                pool.close()
            print("ok" if good else "failed", flush=True)


if __name__ == "__main__":
    main()
