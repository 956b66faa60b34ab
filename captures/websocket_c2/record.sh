#!/usr/bin/env bash
# A WebSocket over TLS held open for three and a half hours: a ping every 45 s, and tasks pushed by the server now and then.
UC_HERE=$(cd "$(dirname "$0")" && pwd)
. "$UC_HERE/../lib.sh"
UC_BEGIN=2026-03-20T12:00:00Z
uc_start 560 curl nginx-light python3-websockets
uc_lan 192.168.120.1/24
uc_host mkt2 192.168.120.62
uc_host mkt3 192.168.120.63
uc_browse_sites
uc_site live.eventfunnel-io.example 198.18.77.9
UC_LOCATIONS='location /socket { proxy_pass http://127.0.0.1:9001; proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection upgrade; proxy_read_timeout 1h; }'
uc_up

cat > "$UC_WORK/server.py" <<'PY'
import asyncio, os, websockets
async def serve(link):
    async for text in link:
        # A report of n bytes asked for by the agent's schedule: the server pushes the task, the agent answers it.
        if isinstance(text, str) and text.startswith("want "):
            await link.send("task " + text[5:] + " " + os.urandom(60).hex())
async def main():
    async with websockets.serve(serve, "127.0.0.1", 9001, ping_interval=None, compression=None):
        await asyncio.Future()
asyncio.run(main())
PY
cat > "$UC_WORK/agent.py" <<'PY'
import asyncio, os, ssl, sys, websockets
async def main():
    context = ssl.create_default_context(cafile=os.environ["UC_CA"])
    loop, link = asyncio.get_running_loop(), None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        verb, *rest = line.split()
        if verb == "open":
            link = await websockets.connect("wss://live.eventfunnel-io.example/socket", ssl=context, ping_interval=None, compression=None)
        elif verb == "ping":
            await (await link.ping())
        else:
            await link.send("want " + rest[0])
            await link.recv()
            await link.send(os.urandom(int(rest[0])))
        print("ok", flush=True)
asyncio.run(main())
PY
uc_bg wan /usr/bin/python3 "$UC_WORK/server.py"

uc_plan <<'PY'
from plan import Plan
plan = Plan(seed=120)
end, host = 3.5 * 3600, "192.168.120.62"
plan.add(20, host, "@agent open")
plan.every(host, 65, end, 45, 0.02, "@agent ping")
at = 900
while at < end:
    plan.add(at, host, f"@agent task {plan.rng.choice([200, 600, 1500, 9000])}")
    at += plan.rng.expovariate(1 / 700)
for name, break_s in (("62", 1500), ("63", 900)):
    plan.browse("192.168.120." + name, 200, end, ["shop", "mail", "news", "search"], break_s=break_s)
plan.write()
PY
uc_drive --helper 192.168.120.62 agent "/usr/bin/python3 $UC_WORK/agent.py" \
  --helper 192.168.120.62 browser "python3 $UC_TOOLS/browser.py" --helper 192.168.120.63 browser "python3 $UC_TOOLS/browser.py"
uc_finish "$(uc_versions python3-websockets curl nginx-light dnsmasq-base tcpdump)" <<'LABELS'
192.168.120.62 198.18.77.9:443 c2 long_connection
LABELS
