"""Building a schedule for drive.py: who does what when, with human pauses from a seeded generator.

Used by the scenarios' record.sh:

    from plan import Plan
    plan = Plan(seed=7)
    plan.browse("10.0.0.5", 0, 3600, SITES)
    plan.every("10.0.0.5", 30, 3600, 60, 0.3, "curl ...")
    plan.write()                      # to $UC_WORK/schedule.tsv; times are seconds after $UC_BEGIN
"""

import datetime
import os
import random

# A site: its page host, the hosts its parts come from.
SITES = {
    "news": ("www.dailyharbour.example", ["static.dailyharbour.example", "img.harbourcdn.example"]),
    "wiki": ("en.openlexicon.example", ["media.openlexicon.example"]),
    "mail": ("mail.postwise.example", ["static.postwise.example"]),
    "docs": ("docs.teamfolio.example", ["assets.teamfolio.example"]),
    "code": ("git.forgeyard.example", ["avatars.forgeyard.example"]),
    "shop": ("www.officeberry.example", ["img.officeberry.example"]),
    "search": ("www.findwell.example", []),
    "weather": ("www.skyreport.example", ["tiles.skyreport.example"]),
}
SHARED_PARTS = ["fonts.typekeep.example", "metrics.sitepulse.example"]
SHARED_PARTS_OF = {"news", "shop", "weather", "docs"}
ADDRESSES = {
    "www.dailyharbour.example": "198.51.100.20", "static.dailyharbour.example": "198.51.100.21",
    "img.harbourcdn.example": "198.18.4.10", "en.openlexicon.example": "198.51.100.35",
    "media.openlexicon.example": "198.51.100.36", "mail.postwise.example": "192.0.2.25",
    "static.postwise.example": "198.18.4.11", "docs.teamfolio.example": "192.0.2.80",
    "assets.teamfolio.example": "198.18.4.12", "git.forgeyard.example": "192.0.2.140",
    "avatars.forgeyard.example": "198.18.4.13", "www.officeberry.example": "203.0.113.90",
    "img.officeberry.example": "198.18.4.14", "www.findwell.example": "198.51.100.8",
    "www.skyreport.example": "203.0.113.120", "tiles.skyreport.example": "203.0.113.121",
    "fonts.typekeep.example": "198.18.4.20", "metrics.sitepulse.example": "198.18.4.30",
}
PAGES, PARTS = 24, 60


class Plan:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.rows = []
        self.begin = datetime.datetime.fromisoformat(os.environ["UC_BEGIN"].replace("Z", "+00:00")).timestamp()

    def add(self, at_s, lane, command, scale=1.0):
        """One action at a time in seconds after the begin of the capture."""
        self.rows.append((self.begin + at_s, lane, scale, command))

    def every(self, lane, start_s, end_s, period_s, jitter, command):
        """An action again and again, its sleep drawn evenly from period ± jitter. `command` is text or f(number)."""
        at_s, number = start_s, 0
        while at_s < end_s:
            self.add(at_s, lane, command(number) if callable(command) else command)
            at_s += period_s * self.rng.uniform(1 - jitter, 1 + jitter)
            number += 1
        return number

    def page(self, site, parts=None):
        """One page with its parts, as a line for browser.py."""
        rng = self.rng
        main, hosts = SITES[site]
        urls = [f"https://{main}/page-{rng.randrange(PAGES)}.html"]
        for _ in range(parts if parts is not None else rng.choice([1, 2, 2, 3, 4, 6])):
            urls.append(f"https://{rng.choice([main] + hosts)}/part-{rng.randrange(PARTS)}.bin")
        if site in SHARED_PARTS_OF:
            urls += [f"https://{name}/part-{rng.randrange(PARTS)}.bin" for name in SHARED_PARTS if rng.random() < 0.6]
        return "@browser get " + " ".join(urls)

    def browse(self, lane, start_s, end_s, sites=None, pause_s=45.0, session_pages=7, break_s=900.0):
        """Sessions of reading: some pages of a site with log-normal pauses, then a longer break."""
        rng = self.rng
        sites = sites or list(SITES)
        at_s, pages = start_s + rng.uniform(0, break_s / 2), 0
        while at_s < end_s:
            site = rng.choice(sites)
            for _ in range(max(1, round(rng.expovariate(1 / session_pages)))):
                if at_s >= end_s:
                    break
                self.add(at_s, lane, self.page(site))
                pages += 1
                pause = min(rng.lognormvariate(0, 0.9) * pause_s, 600)
                if pause > 75:
                    self.add(at_s + rng.uniform(60, 72), lane, "@browser close")  # Idle connections are given up.
                at_s += pause
                if rng.random() < 0.25:
                    site = rng.choice(sites)
            self.add(at_s + rng.uniform(1, 20), lane, "@browser close")
            at_s += 25 + rng.expovariate(1 / break_s)
        return pages

    def write(self):
        self.rows.sort(key=lambda row: row[0])
        with open(os.path.join(os.environ["UC_WORK"], "schedule.tsv"), "w", encoding="utf-8") as out:
            for at_s, lane, scale, command in self.rows:
                out.write(f"{at_s:.6f}\t{lane}\t{scale}\t{command}\n")
        print(f"{len(self.rows)} actions planned")
